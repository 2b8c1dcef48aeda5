import type { DenseTensor, ElementKind, Shape } from './tensor.ts';
import { ShapeError } from './tensor.ts';

export function elementCount(shape: Shape): number {
  return shape.reduce((count, size) => count * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Strides in elements of a tensor whose last dimension is contiguous. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** The shape that tensors of these shapes broadcast to, by NumPy's rules; throws `ShapeError` where they don't. */
export function broadcastShapes(what: string, shapes: readonly Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const first = rank - shape.length;
    shape.forEach((size, axis) => {
      const known = result[first + axis];
      if (known === 1) result[first + axis] = size;
      else if (size !== 1 && size !== known) {
        const all = shapes.map((other) => `[${other}]`).join(' and ');
        throw new ShapeError(
          `${what}: shapes ${all} don't broadcast: dimension ${first + axis} is ${known} and ${size}`,
        );
      }
    });
  }
  return result;
}

/** Strides that read a tensor (row-major by default) of `shape` as if broadcast to `target`: 0 wherever it repeats. */
export function broadcastStrides(shape: Shape, target: Shape, strides: Shape = rowMajorStrides(shape)): number[] {
  const first = target.length - shape.length;
  return target.map((_, axis) => (axis < first || shape[axis - first] === 1 ? 0 : strides[axis - first]));
}

/** Zeros of the type that reference implementations give results in. */
export function allocate(kind: ElementKind, length: number): Float64Array | Int32Array | Uint8Array {
  switch (kind) {
    case 'float':
      return new Float64Array(length);
    case 'int':
      return new Int32Array(length);
    case 'bool':
      return new Uint8Array(length);
  }
}

/**
 * Walks `shape` in row-major order, a row at a time, for several operands that are each addressed with strides of their
 * own. Neighbouring axes that every operand walks evenly are joined into one, so that equal shapes, scalars and
 * per-channel operands give few long rows. `starts` (reused between calls) and `steps` hold one number per operand.
 */
export function forEachRow(
  shape: Shape,
  strides: readonly Shape[],
  visit: (length: number, starts: readonly number[], steps: readonly number[]) => void,
): void {
  if (shape.includes(0)) return;
  const { sizes, steps } = joinAxes(shape, strides);
  const last = sizes.length - 1;
  const rows = elementCount(sizes.slice(0, last));
  const position = new Array<number>(last).fill(0);
  const starts = strides.map(() => 0);
  const rowSteps = steps.map((operand) => operand[last]);
  for (let row = 0; row < rows; row++) {
    visit(sizes[last], starts, rowSteps);
    for (let axis = last - 1; axis >= 0; axis--) {
      const wraps = ++position[axis] === sizes[axis];
      const moved = wraps ? 1 - sizes[axis] : 1;
      for (let operand = 0; operand < starts.length; operand++) starts[operand] += moved * steps[operand][axis];
      if (!wraps) break;
      position[axis] = 0;
    }
  }
}

function joinAxes(shape: Shape, strides: readonly Shape[]): { sizes: number[]; steps: number[][] } {
  const sizes: number[] = [];
  const steps: number[][] = strides.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const previous = sizes.length - 1;
    if (previous >= 0 && strides.every((operand, o) => steps[o][previous] === operand[axis] * size)) {
      sizes[previous] *= size;
      strides.forEach((operand, o) => {
        steps[o][previous] = operand[axis];
      });
    } else {
      sizes.push(size);
      strides.forEach((operand, o) => {
        steps[o].push(operand[axis]);
      });
    }
  });
  if (sizes.length > 0) return { sizes, steps };
  return { sizes: [1], steps: strides.map(() => [0]) };
}

/** A window into a buffer: the element at index [i, j, ...] is `data[offset + i * strides[0] + j * strides[1] + ...]`. */
export interface StridedData {
  readonly data: DenseTensor['data'];
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Copies the elements of a window of `shape` from one buffer to another. */
export function copyStrided(shape: Shape, source: StridedData, target: StridedData): void {
  const from = source.data;
  const to = target.data;
  forEachRow(shape, [source.strides, target.strides], (length, starts, steps) => {
    let read = source.offset + starts[0];
    let write = target.offset + starts[1];
    for (let i = 0; i < length; i++) {
      to[write] = from[read];
      read += steps[0];
      write += steps[1];
    }
  });
}

/** The elements of a window as a tensor of their own. */
export function readWindow(kind: ElementKind, shape: Shape, source: StridedData): DenseTensor {
  const data = allocate(kind, elementCount(shape));
  copyStrided(shape, source, { data, offset: 0, strides: rowMajorStrides(shape) });
  return { kind, shape, data };
}

/** A position along an axis, where negative ones count from the end; throws `ShapeError` outside of the axis. */
export function resolveIndex(what: string, index: number, axis: number, size: number): number {
  const resolved = index < 0 ? index + size : index;
  if (resolved < 0 || resolved >= size) {
    throw new ShapeError(`${what}: index ${index} is outside axis ${axis}, which has ${size} elements`);
  }
  return resolved;
}
