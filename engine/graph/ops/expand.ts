import { broadcastStrides, readWindow } from '../indexing.ts';
import { requireInputs } from '../rules.ts';
import type { OpDefinition, Shape } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Repeats dimensions of size 1 (and prepends dimensions) up to `shape`, as NumPy's broadcast_to. */
export interface Expand {
  readonly type: 'expand';
  /** The output's shape. */
  readonly shape: Shape;
}

export const expand: OpDefinition<Expand> = {
  type: 'expand',

  infer(op, inputs) {
    requireInputs('expand', inputs, 1);
    const [x] = inputs;
    const first = op.shape.length - x.shape.length;
    const fits = (size: number, axis: number) => size === 1 || size === op.shape[first + axis];
    if (first < 0 || !x.shape.every(fits)) {
      throw new ShapeError(`expand: [${x.shape}] doesn't broadcast to [${op.shape}]`);
    }
    return [{ kind: x.kind, shape: op.shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = expand.infer(op, inputs);
    return [readWindow(kind, shape, { data: x.data, offset: 0, strides: broadcastStrides(x.shape, shape) })];
  },
};
