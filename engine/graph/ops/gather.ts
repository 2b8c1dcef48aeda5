import { allocate, elementCount, resolveIndex } from '../indexing.ts';
import { requireAxis, requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';

/**
 * Picks slices along an axis. Inputs: data, int indices of any shape (negative ones count from the end). The output has
 * the indices' dimensions in place of the axis.
 */
export interface Gather {
  readonly type: 'gather';
  readonly axis: number;
}

export const gather: OpDefinition<Gather> = {
  type: 'gather',

  infer(op, inputs) {
    requireInputs('gather', inputs, 2);
    const [data, indices] = inputs;
    requireAxis('gather', op.axis, data);
    requireKind('gather: indices', indices, 'int');
    const shape = [...data.shape.slice(0, op.axis), ...indices.shape, ...data.shape.slice(op.axis + 1)];
    return [{ kind: data.kind, shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [source, indices] = inputs;
    const [{ kind, shape }] = gather.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    const size = source.shape[op.axis];
    const outer = elementCount(source.shape.slice(0, op.axis));
    const inner = elementCount(source.shape.slice(op.axis + 1));
    let write = 0;
    for (let o = 0; o < outer; o++) {
      for (const index of indices.data) {
        const read = (o * size + resolveIndex('gather', index, op.axis, size)) * inner;
        for (let i = 0; i < inner; i++) data[write++] = source.data[read + i];
      }
    }
    return [{ kind, shape, data }];
  },
};
