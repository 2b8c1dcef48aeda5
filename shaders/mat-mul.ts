/**
 * Batched matrix product of strided views: y[m, n] = sum over k of a[m, k] * b[k, n].
 *
 * One invocation computes a tile of 4 x 4 outputs in registers, so that each element that it reads serves four products.
 * Variants, for each of the three matrices by itself:
 * - vec4 along K (a and b; K a multiple of 4), along M (a and output) or along N (b and output): whichever is contiguous
 *   and a multiple of 4.
 * - scalar: any strides.
 *
 * FLOPs: 2 M N K. Bytes: a is read N / 4 times and b M / 4 times, mostly from cache.
 *
 * Measured on llvmpipe, the two products of an attention over 400 positions, in times of vec4: scalar 1.4 to 1.7, one
 * output per invocation 10 to 19.
 */
import { load, store } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { paddedLoop, paddedSize, paddingParameters, whereInPadding } from './padding.ts';
import { atStart, countOf, loopText, unsigned } from './strided.ts';

export interface MatMulOptions {
  /** [..., M, K]. The leading dimensions are the output's, with stride 0 where they repeat. */
  readonly a: TensorView;
  /** [..., K, N]. */
  readonly b: TensorView;
  /** [..., M, N]. */
  readonly output: TensorView;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
  /**
   * Whether an input lies in the output's allocation. Bindings of one buffer must be of one type, so then either all three
   * are read and written in vec4s or none.
   */
  readonly sharedAllocation?: boolean;
}

const WORKGROUP_SIZE = 8;
const TILE = 4;
const LANES = [0, 1, 2, 3] as const;
const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

/** Bindings: a, b, output. */
export function matMul(options: MatMulOptions): Kernel {
  const { a, b, output, padTo4 } = options;
  const rank = output.shape.length;
  const matrixAxes = [rank - 2, rank - 1];
  const [rows, columns] = output.shape.slice(-2);
  const depth = a.shape[rank - 1];
  const writtenRows = padTo4 === rank - 2 ? paddedSize(rows) : rows;
  const writtenColumns = padTo4 === rank - 1 ? paddedSize(columns) : columns;
  const { loop, padding } = paddedLoop(
    [output, a, b].map((view) => atStart(view, matrixAxes)),
    padTo4 !== undefined && padTo4 < rank - 2 ? padTo4 : undefined,
  );
  const batches = countOf(loop.sizes);
  if (batches > 65535) throw new RangeError(`A batch of ${batches} matrices is more than one dispatch can have`);

  const matricesOf = (vectors: boolean) => [
    matrixOf('y', output, [rank - 2, rank - 1], [writtenRows, writtenColumns], vectors),
    matrixOf('a', a, [rank - 2, rank - 1], [rows, depth], vectors),
    matrixOf('b', b, [rank - 1, rank - 2], [columns, depth], vectors),
  ];
  let matrices = matricesOf(true);
  if (options.sharedAllocation && matrices.some(({ scale }) => scale === 1)) matrices = matricesOf(false);
  const [target, left, right] = matrices;
  const text = loopText(
    // Strides of vec4 matrices count vec4s, along the batch too.
    { ...loop, strides: loop.strides.map((strides, v) => strides.map((stride) => stride / matrices[v].scale)) },
    matrices.map(({ binding, offset }) => ({ name: binding.name, offset })),
    'id.z',
    'batch',
  );
  const [to, fromA, fromB] = text.offsets;

  const step = depth % 4 === 0 ? 4 : 1;
  // The contiguous side of the output goes along x, so that neighbours write next to each other.
  const [mAxis, nAxis] = target.along === 'first' ? ['x', 'y'] : ['y', 'x'];
  const tiles = {
    m: Math.ceil(writtenRows / (TILE * WORKGROUP_SIZE)),
    n: Math.ceil(writtenColumns / (TILE * WORKGROUP_SIZE)),
  };
  const masks: string[] = [];
  if (writtenRows > rows) masks.push(...zerosUnless((m) => `vec4<bool>(m0 + ${m}u < params.rows)`));
  if (writtenColumns > columns) {
    masks.push(...zerosUnless(() => 'n0 + vec4<u32>(0, 1, 2, 3) < vec4<u32>(params.columns)'));
  }
  return {
    label: `matMul a ${left.label} b ${right.label} to ${target.label} step ${step} rank ${loop.sizes.length}`,
    bindings: [{ ...left.binding, access: 'read' }, { ...right.binding, access: 'read' }, target.binding],
    parameters: [
      ...text.parameters,
      ...paddingParameters(padding),
      ...matrices.flatMap((matrix) => matrix.parameters),
      unsigned('rows', rows),
      unsigned('columns', columns),
      unsigned('depth', depth),
      unsigned('writtenRows', writtenRows),
      unsigned('writtenColumns', writtenColumns),
    ],
    workgroupSize: [WORKGROUP_SIZE, WORKGROUP_SIZE, 1],
    workgroups: [mAxis === 'x' ? tiles.m : tiles.n, mAxis === 'x' ? tiles.n : tiles.m, batches],
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m0 = id.${mAxis} * ${TILE}u;
  let n0 = id.${nAxis} * ${TILE}u;
  if (m0 >= params.writtenRows || n0 >= params.writtenColumns) { return; }
  ${text.coordinates}
  ${firstEntries(left, fromA, 'm0', 'params.rows')}
  ${firstEntries(right, fromB, 'n0', 'params.columns')}
  ${LANES.map((m) => `var sum${m} = vec4<f32>(0);`).join('\n  ')}
  for (var k = 0u; k < params.depth; k += ${step}u) {
    ${blockReads(left, step).join('\n    ')}
    ${blockReads(right, step).join('\n    ')}
    ${products(left, right, step).join('\n    ')}
  }
  ${masks.join('\n  ')}
  ${whereInPadding(padding, text, LANES.map((m) => `sum${m} = vec4<f32>(0);`).join(' '))}
  let yAt = ${to};
  ${writes(target).join('\n  ')}
}
`,
  };
}

/**
 * A matrix of a product, [first, second]: [M, K] for a, [N, K] for b (so that both operands are alike), [M, N] for the
 * output; and the dimension that it is read or written along in vec4s.
 */
interface Matrix {
  readonly binding: Binding;
  readonly along: 'first' | 'second' | 'none';
  /** Elements per entry of the binding. */
  readonly scale: number;
  /** In entries. */
  readonly offset: number;
  readonly label: string;
  /** `nameFirst` and `nameSecond`: the strides of the dimensions, in entries. */
  readonly parameters: readonly ReturnType<typeof unsigned>[];
}

function matrixOf(
  name: string,
  view: TensorView,
  axes: readonly number[],
  sizes: readonly number[],
  vectors: boolean,
): Matrix {
  const [first, second] = axes.map((axis) => view.strides[axis]);
  const fits = (contiguous: number) => {
    const others = view.strides.filter((_, axis) => axis !== axes[contiguous] && view.shape[axis] > 1);
    return (
      vectors &&
      view.strides[axes[contiguous]] === 1 &&
      sizes[contiguous] % 4 === 0 &&
      [view.offset, ...others].every((stride) => stride % 4 === 0)
    );
  };
  const along = fits(1) ? 'second' : fits(0) ? 'first' : 'none';
  const scale = along === 'none' ? 1 : 4;
  return {
    binding: { name, element: view.element, vector: scale, access: 'write' },
    along,
    scale,
    offset: view.offset / scale,
    label: along === 'none' ? `${view.element}` : `${view.element} vec4 ${along}`,
    // The contiguous dimension is walked in whole entries: its stride is 1 either way.
    parameters: [
      unsigned(`${name}First`, along === 'first' ? 1 : first / scale),
      unsigned(`${name}Second`, along === 'second' ? 1 : second / scale),
    ],
  };
}

/** Declares where the four rows of an operand's block begin, or its one row of vec4s. Rows beyond the last repeat it. */
function firstEntries(matrix: Matrix, from: string, row0: string, rows: string): string {
  const { name } = matrix.binding;
  if (matrix.along === 'first') return `let ${name}From = ${from} + min(${row0}, ${rows} - 4u) / 4u;`;
  return LANES.map(
    (lane) => `let ${name}From${lane} = ${from} + min(${row0} + ${lane}u, ${rows} - 1u) * params.${name}First;`,
  ).join('\n  ');
}

/**
 * Reads an operand's block of 4 rows and `step` positions of k: along k as `name0` ... one vec4 for each row; otherwise
 * one vec4 of the four rows for each k.
 */
function blockReads(matrix: Matrix, step: number): string[] {
  const { binding, along } = matrix;
  const { name } = binding;
  if (along === 'second')
    return LANES.map((row) => `let ${name}${row} = ${load(binding, `${name}From${row} + k / 4u`)};`);
  return LANES.slice(0, step).map((k) => {
    const at = `(k + ${k}u) * params.${name}Second`;
    if (along === 'first') return `let ${name}${k} = ${load(binding, `${name}From + ${at}`)};`;
    const elements = LANES.map((row) => load(binding, `${name}From${row} + ${at}`));
    return `let ${name}${k} = vec4<f32>(${elements.join(', ')});`;
  });
}

/** The element of an operand's block at a row and a position of k. */
function elementText(matrix: Matrix, row: number, k: number): string {
  const { name } = matrix.binding;
  return matrix.along === 'second' ? `${name}${row}.${COMPONENTS[k]}` : `${name}${k}.${COMPONENTS[row]}`;
}

function products(left: Matrix, right: Matrix, step: number): string[] {
  const lines: string[] = [];
  for (let k = 0; k < step; k++) {
    // Four columns of b at this k.
    const columns =
      right.along === 'second' ? `vec4<f32>(${LANES.map((n) => elementText(right, n, k)).join(', ')})` : `b${k}`;
    lines.push(`let columns${k} = ${columns};`);
    for (const m of LANES) lines.push(`sum${m} += ${elementText(left, m, k)} * columns${k};`);
  }
  return lines;
}

/** Zeros in place of the sums where `inside`, four booleans for each row of the tile, is false. */
function zerosUnless(inside: (m: number) => string): string[] {
  return LANES.map((m) => `sum${m} = select(vec4<f32>(0), sum${m}, ${inside(m)});`);
}

function writes(target: Matrix): string[] {
  const { binding, along } = target;
  const at = (m: string, n: string) => `yAt + ${m} * params.yFirst + ${n} * params.ySecond`;
  if (along === 'first') {
    return LANES.map((n) => {
      const value = `vec4<f32>(${LANES.map((m) => `sum${m}.${COMPONENTS[n]}`).join(', ')})`;
      return `if (n0 + ${n}u < params.writtenColumns) { ${store(binding, at('m0 / 4u', `(n0 + ${n}u)`), value)} }`;
    });
  }
  return LANES.map((m) => {
    const row = `(m0 + ${m}u)`;
    const statements =
      along === 'second'
        ? store(binding, at(row, 'n0 / 4u'), `sum${m}`)
        : LANES.map((n) => {
            const statement = store(binding, at(row, `(n0 + ${n}u)`), `sum${m}.${COMPONENTS[n]}`);
            return n === 0 ? statement : `if (n0 + ${n}u < params.writtenColumns) { ${statement} }`;
          }).join(' ');
    return m === 0 ? statements : `if (${row} < params.writtenRows) { ${statements} }`;
  });
}
