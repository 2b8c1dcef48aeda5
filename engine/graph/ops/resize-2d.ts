import { elementCount } from '../indexing.ts';
import { requireInputs, requireKind, requirePerAxis, requireRank } from '../rules.ts';
import type { DenseTensor, OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * Resamples the last two dimensions of [N, C, H, W]. The source coordinate of output i with scale s (output / input):
 * asymmetric i / s; halfPixel (i + 0.5) / s - 0.5; pytorchHalfPixel
 * the same, but 0 for an output of size 1; alignCorners i * (in - 1) / (out - 1). Coordinates are clamped.
 */
export interface Resize2d {
  readonly type: 'resize2d';
  /** [height, width] of the output. */
  readonly size: readonly [number, number];
  /** [vertical, horizontal], as the file states them (size / input size where it states sizes). */
  readonly scales: readonly [number, number];
  readonly mode: 'nearest' | 'linear';
  readonly coordinates: 'asymmetric' | 'halfPixel' | 'pytorchHalfPixel' | 'alignCorners';
  /** How nearest rounds the source coordinate. */
  readonly rounding: 'floor' | 'ceil' | 'roundPreferFloor' | 'roundPreferCeil';
}

export const resize2d: OpDefinition<Resize2d> = {
  type: 'resize2d',

  infer(op, inputs) {
    requireInputs('resize2d', inputs, 1);
    const [x] = inputs;
    requireKind('resize2d: x', x, 'float');
    requireRank('resize2d: x', x, 4);
    requirePerAxis('resize2d: size', op.size, 2, 1);
    if (!op.scales.every((scale) => scale > 0)) {
      throw new ShapeError(`resize2d: scales must be above 0, they are [${op.scales}]`);
    }
    if (elementCount(x.shape) === 0) throw new ShapeError(`resize2d: x has no elements, its shape is [${x.shape}]`);
    return [{ kind: 'float', shape: [x.shape[0], x.shape[1], op.size[0], op.size[1]] }];
  },

  /** Linear: four products and three sums for each output. */
  cost(op, _inputs, [output]) {
    return { flops: op.mode === 'linear' ? 7 * elementCount(output.shape) : 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ shape }] = resize2d.infer(op, inputs);
    const rows = samplesAlong(op, 0, x.shape[2]);
    const columns = samplesAlong(op, 1, x.shape[3]);
    const data = new Float64Array(elementCount(shape));
    let index = 0;
    for (let plane = 0; plane < shape[0] * shape[1]; plane++) {
      for (const row of rows) {
        for (const column of columns) data[index++] = sample(x, plane, row, column);
      }
    }
    return [{ kind: 'float', shape, data }];
  },
};

/** Where an output pixel comes from along one axis: two neighbours, and how much of the second. */
export interface ResizeSample {
  readonly first: number;
  readonly second: number;
  readonly fraction: number;
}

/**
 * The source of every output row (axis 0) or column (axis 1), given the input's size along it. Nearest has equal
 * neighbours. Coordinates are rounded to float32 as runtimes compute them, because nearest depends on it where a
 * coordinate falls on the edge between two pixels.
 */
export function samplesAlong(op: Resize2d, axis: 0 | 1, inputSize: number): ResizeSample[] {
  const last = inputSize - 1;
  return Array.from({ length: op.size[axis] }, (_, index) => {
    const coordinate = sourceCoordinate(op, axis, index, inputSize);
    if (op.mode === 'nearest') {
      const nearest = Math.min(Math.max(roundings[op.rounding](coordinate), 0), last);
      return { first: nearest, second: nearest, fraction: 0 };
    }
    const clamped = Math.min(Math.max(coordinate, 0), last);
    const first = Math.floor(clamped);
    return { first, second: Math.min(first + 1, last), fraction: clamped - first };
  });
}

function sourceCoordinate(op: Resize2d, axis: 0 | 1, index: number, inputSize: number): number {
  const scale = Math.fround(op.scales[axis]);
  const size = op.size[axis];
  switch (op.coordinates) {
    case 'asymmetric':
      return Math.fround(index / scale);
    case 'pytorchHalfPixel':
      return size > 1 ? halfPixel(index, scale) : 0;
    case 'halfPixel':
      return halfPixel(index, scale);
    case 'alignCorners':
      return size > 1 ? Math.fround((index * (inputSize - 1)) / (size - 1)) : 0;
  }
}

function halfPixel(index: number, scale: number): number {
  return Math.fround(Math.fround((index + 0.5) / scale) - 0.5);
}

const roundings: { readonly [name in Resize2d['rounding']]: (coordinate: number) => number } = {
  floor: Math.floor,
  ceil: Math.ceil,
  roundPreferFloor: (coordinate) => Math.ceil(coordinate - 0.5),
  roundPreferCeil: (coordinate) => Math.floor(coordinate + 0.5),
};

function sample(x: DenseTensor, plane: number, row: ResizeSample, column: ResizeSample): number {
  const [height, width] = [x.shape[2], x.shape[3]];
  const at = (iy: number, ix: number) => x.data[(plane * height + iy) * width + ix];
  const mix = (a: number, b: number, fraction: number) => a * (1 - fraction) + b * fraction;
  const top = mix(at(row.first, column.first), at(row.first, column.second), column.fraction);
  const bottom = mix(at(row.second, column.first), at(row.second, column.second), column.fraction);
  return mix(top, bottom, row.fraction);
}
