/**
 * Winograd's minimal filtering F(m x m, 3 x 3): an output tile of m x m pixels comes from an input tile of n x n, n = m + 2,
 * by n * n products instead of 9 * m * m, as Y = A^T [(G g G^T) * (B^T d B)] A (Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2015). The matrices follow from n - 1 points and infinity (Toom and Cook): with
 * M(x) = (x - p_0)(x - p_1)..., the row of B^T for a point p has the coefficients of M(x) / (x - p), that of G has
 * (1, p, p^2) / prod(p - q) over the other points q, and the column of A^T has (1, p, p^2, ...); for infinity they are the
 * coefficients of M(x), (0, 0, 1) and (0, ..., 0, 1).
 */
export interface WinogradMatrices {
  /** m: rows and columns of an output tile. */
  readonly outputTile: WinogradTile;
  /** n: rows and columns of an input tile. */
  readonly inputTile: number;
  /** B^T, n x n. */
  readonly input: readonly (readonly number[])[];
  /** G, n x 3. */
  readonly filter: readonly (readonly number[])[];
  /** A^T, m x n. */
  readonly output: readonly (readonly number[])[];
}

export type WinogradTile = 2 | 4;

/**
 * Points of equal spread around 1 keep the magnitudes of all three matrices near each other: with 1 and 2 instead of
 * sqrt(1/2) and sqrt(2), sums reach 100 times the input's magnitude and float16 overflows sooner.
 */
const POINTS: Readonly<Record<WinogradTile, readonly number[]>> = {
  2: [0, 1, -1],
  4: [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2, -Math.SQRT2],
};

const FILTER_SIZE = 3;

export function winogradMatrices(outputTile: WinogradTile): WinogradMatrices {
  const points = POINTS[outputTile];
  const inputTile = points.length + 1;
  const powers = (point: number, count: number) => Array.from({ length: count }, (_, power) => point ** power);
  const atInfinity = (count: number) => Array.from({ length: count }, (_, index) => (index === count - 1 ? 1 : 0));
  const others = (point: number) => points.filter((other) => other !== point);
  const columns = [...points.map((point) => powers(point, outputTile)), atInfinity(outputTile)];
  return {
    outputTile,
    inputTile,
    input: [...points.map((point) => [...coefficients(others(point)), 0]), coefficients(points)],
    filter: [
      ...points.map((point) => {
        const scale = others(point).reduce((product, other) => product * (point - other), 1);
        return powers(point, FILTER_SIZE).map((power) => power / scale);
      }),
      atInfinity(FILTER_SIZE),
    ],
    output: columns[0].map((_, row) => columns.map((column) => column[row])),
  };
}

/** Coefficients of (x - r_0)(x - r_1)..., the constant first. Those that vanish but for rounding are 0. */
function coefficients(roots: readonly number[]): number[] {
  let polynomial = [1];
  for (const root of roots) {
    const [constant, ...others] = polynomial;
    polynomial = [-root * constant, ...others.map((factor, power) => polynomial[power] - root * factor), 1];
  }
  return polynomial.map((coefficient) => (Math.abs(coefficient) < 1e-12 ? 0 : coefficient));
}

/**
 * G g G^T of one 3 x 3 filter, which begins at `start` of `filters`: n * n numbers, row by row, into `result`. A network has
 * hundreds of thousands of filters, hence nothing is allocated here.
 */
export function transformFilter(
  { filter, inputTile }: WinogradMatrices,
  filters: ArrayLike<number>,
  start: number,
  result: Float64Array,
): void {
  for (let row = 0; row < inputTile; row++) {
    const factors = filter[row];
    const a = factors[0];
    const b = factors[1];
    const c = factors[2];
    const left = a * filters[start] + b * filters[start + 3] + c * filters[start + 6];
    const middle = a * filters[start + 1] + b * filters[start + 4] + c * filters[start + 7];
    const right = a * filters[start + 2] + b * filters[start + 5] + c * filters[start + 8];
    for (let column = 0; column < inputTile; column++) {
      const across = filter[column];
      result[row * inputTile + column] = across[0] * left + across[1] * middle + across[2] * right;
    }
  }
}
