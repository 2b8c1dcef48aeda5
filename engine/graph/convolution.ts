import { addsResidual, type EpilogueStep } from './epilogue.ts';
import { requireInputs, requireKind, requireRank } from './rules.ts';
import type { DenseTensor, TensorType } from './tensor.ts';
import { ShapeError } from './tensor.ts';
import { checkWindow } from './windows.ts';

/** What both kinds of convolution have, see their ops. */
interface Convolution {
  readonly type: string;
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}

/** The type rules that both convolutions share: the number of inputs, their kinds and ranks, and the attributes. */
export function checkConvolution(op: Convolution, inputs: readonly TensorType[]): void {
  const what = op.type;
  requireInputs(what, inputs, addsResidual(op.epilogue) ? 4 : 3);
  const [x, weight, bias] = inputs;
  for (const [name, input, rank] of [
    ['x', x, 4],
    ['weight', weight, 4],
    ['bias', bias, 1],
  ] as const) {
    requireKind(`${what}: ${name}`, input, 'float');
    requireRank(`${what}: ${name}`, input, rank);
  }
  if (!Number.isInteger(op.groups) || op.groups < 1) {
    throw new ShapeError(`${what}: groups must be an integer from 1, it is ${op.groups}`);
  }
  const kernel = [weight.shape[2], weight.shape[3]] as const;
  checkWindow(what, { ...op, kernel }, 0);
  checkWindow(what, { ...op, kernel }, 1);
}

/** Two dimensions of a tensor's elements: the image of one channel, or the kernel between two channels. */
export interface Plane {
  readonly data: Float64Array;
  readonly start: number;
  readonly height: number;
  readonly width: number;
}

/** Plane number `index` of a tensor whose last two dimensions are spatial. */
export function planeOf(data: Float64Array, shape: readonly number[], index: number): Plane {
  const [height, width] = [shape[2], shape[3]];
  return { data, start: index * height * width, height, width };
}

export function doublesOf(tensor: DenseTensor): Float64Array {
  return tensor.data instanceof Float64Array ? tensor.data : Float64Array.from(tensor.data);
}

/**
 * Visits every run of products between two planes that a kernel connects. Position i of the `even` plane (a convolution's
 * output, a transposed convolution's input) meets position i * stride - pad + k * dilation of the `strided` plane (the
 * input or the output, respectively): a run is `count` elements of the even plane from `evenStart` on, which meet every
 * stride-th element of the strided plane from `stridedStart` on. Runs are rows, or whole planes where rows are joined.
 */
export function forEachRun(
  op: Convolution,
  kernel: Plane,
  even: Plane,
  strided: Plane,
  visit: (weight: number, evenStart: number, stridedStart: number, count: number) => void,
): void {
  const [strideY, strideX] = op.strides;
  for (let ky = 0; ky < kernel.height; ky++) {
    const shiftY = ky * op.dilations[0] - op.pads[0];
    const firstRow = firstInside(shiftY, strideY);
    const endRow = endInside(shiftY, strideY, even.height, strided.height);
    for (let kx = 0; kx < kernel.width; kx++) {
      const shiftX = kx * op.dilations[1] - op.pads[1];
      const first = firstInside(shiftX, strideX);
      const count = endInside(shiftX, strideX, even.width, strided.width) - first;
      const weight = kernel.data[kernel.start + ky * kernel.width + kx];
      const contiguous = strideY === 1 && strideX === 1 && count === even.width && count === strided.width;
      const rowsPerRun = contiguous ? endRow - firstRow : 1;
      for (let row = firstRow; row < endRow; row += rowsPerRun) {
        const evenStart = even.start + row * even.width + first;
        const stridedStart = strided.start + (row * strideY + shiftY) * strided.width + first * strideX + shiftX;
        visit(weight, evenStart, stridedStart, count * rowsPerRun);
      }
    }
  }
}

/** The least i >= 0 with i * stride + shift >= 0. */
function firstInside(shift: number, stride: number): number {
  return Math.max(0, Math.ceil(-shift / stride));
}

/** One more than the greatest i < size with i * stride + shift < stridedSize. */
function endInside(shift: number, stride: number, size: number, stridedSize: number): number {
  return Math.min(size, Math.floor((stridedSize - 1 - shift) / stride) + 1);
}
