import { allocate, copyStrided, elementCount, rowMajorStrides } from '../indexing.ts';
import { requireAxis } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Joins tensors along one axis. All other dimensions agree. */
export interface Concat {
  readonly type: 'concat';
  /** 0 <= axis < rank. */
  readonly axis: number;
}

export const concat: OpDefinition<Concat> = {
  type: 'concat',

  infer(op, inputs) {
    if (inputs.length === 0) throw new ShapeError('concat takes at least one input, it has none');
    const [first] = inputs;
    requireAxis('concat', op.axis, first);
    const shape = [...first.shape];
    shape[op.axis] = 0;
    inputs.forEach((input, index) => {
      const given = `input ${index} is ${input.kind} [${input.shape}]`;
      const agrees = (size: number, axis: number) => axis === op.axis || size === first.shape[axis];
      if (input.kind !== first.kind || input.shape.length !== shape.length || !input.shape.every(agrees)) {
        const expected = `${first.kind} [${first.shape}]`;
        throw new ShapeError(`concat: ${given}, which must agree with ${expected} but for axis ${op.axis}`);
      }
      shape[op.axis] += input.shape[op.axis];
    });
    return [{ kind: first.kind, shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [{ kind, shape }] = concat.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    const strides = rowMajorStrides(shape);
    let offset = 0;
    for (const input of inputs) {
      const source = { data: input.data, offset: 0, strides: rowMajorStrides(input.shape) };
      copyStrided(input.shape, source, { data, offset, strides });
      offset += input.shape[op.axis] * strides[op.axis];
    }
    return [{ kind, shape, data }];
  },
};
