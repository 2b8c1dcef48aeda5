import { allocate, copyStrided, elementCount, rowMajorStrides } from '../indexing.ts';
import { requireInputs, requirePerAxis } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Adds elements of one value before and after each dimension; negative counts remove elements. */
export interface Pad {
  readonly type: 'pad';
  /** A count for each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

export const pad: OpDefinition<Pad> = {
  type: 'pad',

  infer(op, inputs) {
    requireInputs('pad', inputs, 1);
    const [x] = inputs;
    requirePerAxis('pad: before', op.before, x.shape.length);
    requirePerAxis('pad: after', op.after, x.shape.length);
    const shape = x.shape.map((size, axis) => {
      const removed = Math.max(-op.before[axis], 0) + Math.max(-op.after[axis], 0);
      if (removed > size) throw new ShapeError(`pad: removes ${removed} of the ${size} elements of axis ${axis}`);
      return size + op.before[axis] + op.after[axis];
    });
    return [{ kind: x.kind, shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = pad.infer(op, inputs);
    const data = allocate(kind, elementCount(shape)).fill(op.value);
    const strides = rowMajorStrides(x.shape);
    const targetStrides = rowMajorStrides(shape);
    const kept = x.shape.map((size, axis) => size + Math.min(op.before[axis], 0) + Math.min(op.after[axis], 0));
    const offsetOf = (counts: readonly number[], steps: readonly number[]) =>
      counts.reduce((sum, count, axis) => sum + Math.max(count, 0) * steps[axis], 0);
    const removedBefore = op.before.map((count) => -count);
    copyStrided(
      kept,
      { data: x.data, offset: offsetOf(removedBefore, strides), strides },
      { data, offset: offsetOf(op.before, targetStrides), strides: targetStrides },
    );
    return [{ kind, shape, data }];
  },
};
