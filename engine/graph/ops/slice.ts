import { readWindow, rowMajorStrides } from '../indexing.ts';
import { requireInputs, requirePerAxis } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Takes `sizes[axis]` elements from `starts[axis]` in steps of `steps[axis]` (may be negative) on every axis. */
export interface Slice {
  readonly type: 'slice';
  /** Resolved, one per axis: within the dimension, never negative. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

export const slice: OpDefinition<Slice> = {
  type: 'slice',

  infer(op, inputs) {
    requireInputs('slice', inputs, 1);
    const [x] = inputs;
    const rank = x.shape.length;
    requirePerAxis('slice: starts', op.starts, rank, 0);
    requirePerAxis('slice: sizes', op.sizes, rank, 0);
    requirePerAxis('slice: steps', op.steps, rank);
    x.shape.forEach((available, axis) => {
      const [start, size, step] = [op.starts[axis], op.sizes[axis], op.steps[axis]];
      if (size === 0) return;
      const end = start + (size - 1) * step;
      if (start >= available || end < 0 || end >= available || (step === 0 && size > 1)) {
        const asked = `${size} elements from ${start} in steps of ${step}`;
        throw new ShapeError(`slice: axis ${axis} has ${available} elements, which don't include ${asked}`);
      }
    });
    return [{ kind: x.kind, shape: op.sizes }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = slice.infer(op, inputs);
    const strides = rowMajorStrides(x.shape);
    const offset = op.starts.reduce((sum, start, axis) => sum + start * strides[axis], 0);
    const steps = strides.map((stride, axis) => stride * op.steps[axis]);
    return [readWindow(kind, shape, { data: x.data, offset, strides: steps })];
  },
};
