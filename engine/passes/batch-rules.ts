import type { GraphBuilder } from '../graph/builder.ts';
import { elementCount } from '../graph/indexing.ts';
import type { Op } from '../graph/op.ts';
import type { Gather } from '../graph/ops/gather.ts';
import type { ScatterNd } from '../graph/ops/scatter-nd.ts';
import type { Shape, Value } from '../graph/types.ts';

/** An input of a node as `setBatch` rewrites it. */
export interface Operand {
  /** Whether it differs from image to image; if so, `value` has one image after another along axis 0. */
  readonly perImage: boolean;
  /** For one image. */
  readonly shape: Shape;
  readonly value: Value;
}

/** How an op that reads something of an image treats several. Shapes and axes are those for one image. */
export interface BatchRule<O> {
  /** Whether it gives the right result as it is, with images one after another along axis 0. */
  stacks(op: O, inputs: readonly Operand[], output: Shape): boolean;
  /** The op for stacked images, where its attributes say how long axis 0 is. */
  stacked?(op: O, images: number): O;
  /** The op with an axis for the images before all others, for inputs that don't stack, where its attributes name axes. */
  lifted?(op: O, images: number): O;
  /** Inputs meet by NumPy's broadcasting, so lifted ones are brought to the output's rank. */
  readonly broadcasts?: boolean;
  /** Whether an input is needed once for each image though it may be the same for all. */
  needsEach?(input: number): boolean;
  /** In place of `lifted`, where it gives something: the op on stacked images, with indices that count through them all. */
  numbered?(op: O, inputs: readonly Operand[], context: Numbering): Numbered | undefined;
  /** Why images can't be kept apart, if they can't. */
  refuse?(op: O, inputs: readonly Operand[]): string | undefined;
}

export interface Numbering {
  readonly images: number;
  readonly builder: GraphBuilder;
  /** For what is added before the op. */
  readonly name: string;
}

/** An op whose output has the elements of the stacked output, in order. */
export interface Numbered {
  readonly op: Op;
  readonly inputs: readonly Value[];
}

/** Rules that look at no attribute suit any op: nothing is asked of it, and nothing made of it. */
type AnyOp = never;

/** Axis 0 is the images' already, and only its length changes. */
const alongImages: BatchRule<AnyOp> = { stacks: () => true };

const convolution: BatchRule<AnyOp> = {
  ...alongImages,
  needsEach: (input) => input === RESIDUAL,
  refuse: (_op, [, ...weights]) =>
    weights.slice(0, RESIDUAL - 1).some(({ perImage }) => perImage)
      ? 'its weights are computed from the image'
      : undefined,
};

/** x, weight, bias, residual. */
const RESIDUAL = 3;

const broadcasting: BatchRule<AnyOp> = {
  stacks: (_op, inputs, output) => inputs.every((input) => meetsAlongAxis0(input, output)),
  broadcasts: true,
};

function meetsAlongAxis0({ perImage, shape }: Operand, output: Shape): boolean {
  if (output.length === 0) return true;
  const full = shape.length === output.length;
  return perImage ? full && shape[0] === output[0] : !full || shape[0] === 1;
}

type Rules = { readonly [T in Op['type']]: BatchRule<Extract<Op, { type: T }>> };

export const batchRules: Rules = {
  attention: { ...alongImages, needsEach: () => true },
  averagePool2d: alongImages,
  binary: broadcasting,
  cast: alongImages,
  concat: {
    needsEach: () => true,
    stacks: ({ axis }) => axis > 0,
    lifted: (op) => ({ ...op, axis: op.axis + 1 }),
  },
  conv2d: convolution,
  convTranspose2d: convolution,
  distanceBoxes: {
    ...alongImages,
    needsEach: (input) => input === 0,
    refuse: (_op, [, ...points]) =>
      points.some(({ perImage }) => perImage) ? 'its points or strides are computed from the image' : undefined,
  },
  expand: {
    broadcasts: true,
    stacks: (op, inputs) => inputs.every((input) => meetsAlongAxis0(input, op.shape)),
    stacked: (op, images) => ({ ...op, shape: scaled(op.shape, images) }),
    lifted: (op, images) => ({ ...op, shape: [images, ...op.shape] }),
  },
  gather: {
    stacks: ({ axis }, [data, indices]) =>
      data.perImage ? !indices.perImage && axis > 0 : axis === 0 && indices.shape.length > 0,
    lifted: (op) => ({ ...op, axis: op.axis + 1 }),
    numbered: gatherAcrossImages,
    refuse: ({ axis }, [data, indices]) =>
      indices.perImage && elementCount(data.shape.slice(0, axis)) > 1
        ? `its indices are computed from the image and pick along axis ${axis} of [${data.shape}]`
        : undefined,
  },
  gatherElements: {
    needsEach: () => true,
    stacks: ({ axis }, [data, indices]) => axis > 0 && data.shape[0] === indices.shape[0],
    lifted: (op) => ({ ...op, axis: op.axis + 1 }),
  },
  matMul: {
    broadcasts: true,
    stacks: (_op, [a, b], output) =>
      output.length === 2 ? a.perImage && !b.perImage : [a, b].every((input) => meetsAlongAxis0(input, output)),
  },
  maxPool2d: alongImages,
  maxPoolPyramid: alongImages,
  pad: {
    stacks: ({ before, after }) => before[0] === 0 && after[0] === 0,
    lifted: (op) => ({ ...op, before: [0, ...op.before], after: [0, ...op.after] }),
  },
  reduce: {
    stacks: ({ axes }) => !axes.includes(0),
    lifted: (op) => ({ ...op, axes: op.axes.map((axis) => axis + 1) }),
  },
  reshape: {
    stacks: () => true,
    stacked: (op, images) => ({ ...op, shape: scaled(op.shape, images) }),
  },
  resize2d: alongImages,
  scatterNd: {
    needsEach: () => true,
    stacks: () => false,
    numbered: scatterAcrossImages,
    refuse: (_op, [, { shape }]) => (shape[shape.length - 1] === 0 ? 'it replaces all of its data' : undefined),
  },
  select: broadcasting,
  slice: {
    stacks: ({ starts, sizes, steps }, [{ shape }]) => starts[0] === 0 && sizes[0] === shape[0] && steps[0] === 1,
    stacked: (op, images) => ({ ...op, sizes: scaled(op.sizes, images) }),
    lifted: (op, images) => ({
      ...op,
      starts: [0, ...op.starts],
      sizes: [images, ...op.sizes],
      steps: [1, ...op.steps],
    }),
  },
  softmax: {
    stacks: ({ axis }) => axis > 0,
    lifted: (op) => ({ ...op, axis: op.axis + 1 }),
  },
  topK: {
    stacks: ({ axis }) => axis > 0,
    lifted: (op) => ({ ...op, axis: op.axis + 1 }),
  },
  transpose: {
    stacks: ({ permutation }) => permutation[0] === 0,
    lifted: (op) => ({ ...op, permutation: [0, ...op.permutation.map((axis) => axis + 1)] }),
  },
  unary: alongImages,
};

/** A scalar becomes a number for each image. */
function scaled(shape: Shape, images: number): Shape {
  return shape.length === 0 ? [images] : [shape[0] * images, ...shape.slice(1)];
}

/** Picks along an axis that only dimensions of 1 precede: the rows of one image after those of another. */
function gatherAcrossImages(op: Gather, [data, indices]: readonly Operand[], context: Numbering): Numbered | undefined {
  if (!indices.perImage) return undefined;
  const { images, builder, name } = context;
  const [rows, ...rest] = data.shape.slice(op.axis);
  const shape = [data.perImage ? images * rows : rows, ...rest];
  const table = builder.apply({ type: 'reshape', shape }, [data.value], `${name}.rows`);
  const rank = indices.value.shape.length;
  const each = indices.value.shape[0] / images;
  const firsts = Int32Array.from({ length: images * each }, (_, index) => Math.floor(index / each) * rows);
  const first = builder.ints(`${name}.first`, [images * each, ...new Array<number>(rank - 1).fill(1)], firsts);
  const size = builder.ints(`${name}.size`, [], [rows]);
  const picked = data.perImage ? numberRows(indices.value, size, first, context) : indices.value;
  return { op: { ...op, axis: 0 }, inputs: [table, picked] };
}

/** The first coordinate counts through the rows of all images. */
function scatterAcrossImages(
  op: ScatterNd,
  [data, indices, updates]: readonly Operand[],
  context: Numbering,
): Numbered {
  const { images, builder, name } = context;
  const depth = indices.shape[indices.shape.length - 1];
  const count = images * elementCount(indices.shape.slice(0, -1));
  const shape = [count, depth];
  const coordinates = builder.apply({ type: 'reshape', shape }, [indices.value], `${name}.coordinates`);
  const firsts = new Int32Array(count * depth);
  for (let row = 0; row < count; row++) firsts[row * depth] = Math.floor((row * images) / count) * data.shape[0];
  const first = builder.ints(`${name}.first`, shape, firsts);
  const sizes = builder.ints(`${name}.sizes`, [depth], data.shape.slice(0, depth));
  const slices = { type: 'reshape', shape: [count, ...data.shape.slice(depth)] } as const;
  return {
    op,
    inputs: [
      data.value,
      numberRows(coordinates, sizes, first, context),
      builder.apply(slices, [updates.value], `${name}.updates`),
    ],
  };
}

/** Indices within an image, where negative ones count from the end, as indices from the first row of its own. */
function numberRows(indices: Value, sizes: Value, first: Value, { builder, name }: Numbering): Value {
  const modulo = { type: 'binary', function: 'modulo' } as const;
  const add = { type: 'binary', function: 'add' } as const;
  const positive = builder.apply(modulo, [indices, sizes], `${name}.positive`);
  return builder.apply(add, [positive, first], `${name}.numbered`);
}
