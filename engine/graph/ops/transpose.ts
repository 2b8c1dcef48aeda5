import { readWindow, rowMajorStrides } from '../indexing.ts';
import { requireInputs, requirePerAxis } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Reorders axes: output axis i is input axis permutation[i]. */
export interface Transpose {
  readonly type: 'transpose';
  readonly permutation: readonly number[];
}

export const transpose: OpDefinition<Transpose> = {
  type: 'transpose',

  infer(op, inputs) {
    requireInputs('transpose', inputs, 1);
    const [x] = inputs;
    requirePerAxis('transpose: permutation', op.permutation, x.shape.length, 0);
    if (!x.shape.every((_, axis) => op.permutation.includes(axis))) {
      throw new ShapeError(`transpose: [${op.permutation}] is not a permutation of the axes of [${x.shape}]`);
    }
    return [{ kind: x.kind, shape: op.permutation.map((axis) => x.shape[axis]) }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = transpose.infer(op, inputs);
    const strides = rowMajorStrides(x.shape);
    return [readWindow(kind, shape, { data: x.data, offset: 0, strides: op.permutation.map((axis) => strides[axis]) })];
  },
};
