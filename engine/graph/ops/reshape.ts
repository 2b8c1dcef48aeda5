import { allocate, elementCount } from '../indexing.ts';
import { requireInputs, requirePerAxis } from '../rules.ts';
import type { OpDefinition, Shape } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** The same elements in row-major order under another shape. */
export interface Reshape {
  readonly type: 'reshape';
  /** Resolved: neither -1 nor 0-as-copy. */
  readonly shape: Shape;
}

export const reshape: OpDefinition<Reshape> = {
  type: 'reshape',

  infer(op, inputs) {
    requireInputs('reshape', inputs, 1);
    const [x] = inputs;
    requirePerAxis('reshape: shape', op.shape, op.shape.length, 0);
    const count = elementCount(x.shape);
    if (elementCount(op.shape) !== count) {
      throw new ShapeError(`reshape: [${x.shape}] has ${count} elements, which [${op.shape}] can't hold`);
    }
    return [{ kind: x.kind, shape: op.shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = reshape.infer(op, inputs);
    const data = allocate(kind, x.data.length);
    data.set(x.data);
    return [{ kind, shape, data }];
  },
};
