import type { Parameter, TensorView } from './kernel.ts';

/**
 * Loops over strided views. A kernel gives each invocation (or workgroup) a number, which this text turns into one offset
 * per view. The fewer dimensions the loop has, the fewer divisions that takes, so dimensions are joined first; sizes and
 * strides are parameters, so that layers of one rank share a pipeline.
 */
export interface StridedLoop {
  /** Sizes, outermost first. Empty where there is one element. */
  readonly sizes: readonly number[];
  /** For each view its stride, in elements, along each dimension of the loop. */
  readonly strides: readonly (readonly number[])[];
  /** For each axis that was to stay by itself, its dimension of the loop. */
  readonly separate: readonly number[];
}

/**
 * The loop over views of one shape, in the order in which the first view lies in memory: dimensions of size 1 go, and
 * neighbours that every view walks evenly are joined. Axes in `separate` are neither dropped nor joined.
 */
export function collapseDimensions(views: readonly TensorView[], separate: readonly number[] = []): StridedLoop {
  const { shape, strides } = views[0];
  for (const view of views) {
    if (view.shape.length !== shape.length || view.shape.some((size, axis) => size !== shape[axis])) {
      throw new Error(`Views of shape [${shape}] and [${view.shape}] can't be walked together`);
    }
  }
  const axes = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== 1 || separate.includes(axis));
  axes.sort((a, b) => Math.abs(strides[b]) - Math.abs(strides[a]) || a - b);
  const sizes: number[] = [];
  const joined: number[][] = views.map(() => []);
  const dimensionOf = new Map<number, number>();
  let previousStaysAlone = true;
  for (const axis of axes) {
    const alone = separate.includes(axis);
    const last = sizes.length - 1;
    const even = views.every((view, v) => joined[v][last] === view.strides[axis] * shape[axis]);
    if (!alone && !previousStaysAlone && even) {
      sizes[last] *= shape[axis];
      views.forEach((view, v) => {
        joined[v][last] = view.strides[axis];
      });
    } else {
      dimensionOf.set(axis, sizes.length);
      sizes.push(shape[axis]);
      views.forEach((view, v) => {
        joined[v].push(view.strides[axis]);
      });
    }
    previousStaysAlone = alone;
  }
  return { sizes, strides: joined, separate: separate.map((axis) => dimensionOf.get(axis) ?? -1) };
}

export function countOf(sizes: readonly number[]): number {
  return sizes.reduce((count, size) => count * size, 1);
}

/** A loop in steps of four elements along its innermost dimension: one vec4 of the first view for each step. */
export interface VectorLoop {
  readonly loop: StridedLoop;
  /** The views' offsets: in vec4s, or in elements where the view is a splat. */
  readonly offsets: readonly number[];
  /** Views that repeat along the innermost dimension: the four elements are one. Their strides stay elements. */
  readonly splats: readonly boolean[];
}

/**
 * The loop in vec4s, if every view lies so that its entries are whole ones: contiguous along the innermost dimension with
 * everything else a multiple of 4, or repeated along it.
 */
export function vectorize(loop: StridedLoop, views: readonly TensorView[]): VectorLoop | undefined {
  const last = loop.sizes.length - 1;
  if (last < 0 || loop.sizes[last] % 4 !== 0 || loop.strides[0][last] !== 1) return undefined;
  const splats = loop.strides.map((strides) => strides[last] === 0);
  const aligned = views.every(({ offset }, v) => {
    if (splats[v]) return true;
    const strides = loop.strides[v];
    return strides[last] === 1 && offset % 4 === 0 && strides.every((stride, d) => d === last || stride % 4 === 0);
  });
  if (!aligned) return undefined;
  return {
    loop: {
      ...loop,
      sizes: loop.sizes.map((size, d) => (d === last ? size / 4 : size)),
      strides: loop.strides.map((strides, v) =>
        splats[v] ? strides : strides.map((stride, d) => (d === last ? stride : stride / 4)),
      ),
    },
    offsets: views.map(({ offset }, v) => (splats[v] ? offset : offset / 4)),
    splats,
  };
}

/** WGSL of a loop: `coordinates` declares i0, i1, ... from a number; each offset is an expression of them. */
export interface LoopText {
  readonly parameters: readonly Parameter[];
  /** Statements that turn `index` into coordinates. */
  readonly coordinates: string;
  /** For each view an expression: where it lies at these coordinates. */
  readonly offsets: readonly string[];
  /** The names of the coordinates. */
  readonly names: readonly string[];
}

/**
 * @param views the name and offset of each view of the loop; the name begins its parameters. Without an offset the
 *   expressions count from the view's first element
 * @param index the identifier that holds the number; unsigned
 * @param coordinate what the names of coordinates and sizes begin with, where a kernel has several loops
 */
export function loopText(
  loop: StridedLoop,
  views: readonly { readonly name: string; readonly offset?: number }[],
  index = 'index',
  coordinate = 'i',
): LoopText {
  const { sizes } = loop;
  const rank = sizes.length;
  const names = sizes.map((_, dimension) => `${coordinate}${dimension}`);
  const sizeName = (dimension: number) => `params.${coordinate}Size${dimension}`;
  const lines: string[] = [];
  let rest = index;
  for (let dimension = rank - 1; dimension > 0; dimension--) {
    // The remainder from the quotient: a second division would cost far more than the multiplication.
    const quotient = dimension === 1 ? names[0] : `${coordinate}Rest${dimension}`;
    lines.push(`let ${quotient} = ${rest} / ${sizeName(dimension)};`);
    lines.push(`let ${names[dimension]} = ${rest} - ${quotient} * ${sizeName(dimension)};`);
    rest = quotient;
  }
  if (rank === 1) lines.push(`let ${names[0]} = ${index};`);
  const parameters: Parameter[] = [];
  for (let dimension = 1; dimension < rank; dimension++) {
    parameters.push(unsigned(`${coordinate}Size${dimension}`, sizes[dimension]));
  }
  const offsets = views.map(({ name, offset }, v) => {
    if (offset !== undefined) parameters.push(unsigned(`${name}Offset`, offset));
    const terms = names.map((coordinateName, dimension) => {
      const stride = `${name}Stride${dimension}`;
      parameters.push(unsigned(stride, loop.strides[v][dimension]));
      return `${coordinateName} * params.${stride}`;
    });
    if (offset !== undefined) terms.unshift(`params.${name}Offset`);
    return terms.join(' + ') || '0u';
  });
  return { parameters, coordinates: lines.join('\n  '), offsets, names };
}

/** An unsigned parameter. Negative strides wrap around, as unsigned arithmetic does on the device. */
export function unsigned(name: string, value: number): Parameter {
  return { name, type: 'u32', value: value >>> 0 };
}

/** A view's elements at position 0 of some axes, which then have size 1. */
export function atStart(view: TensorView, axes: readonly number[]): TensorView {
  return { ...view, shape: view.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) };
}
