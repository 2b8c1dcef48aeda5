import { allocate, elementCount, resolveIndex, rowMajorStrides, sameShape } from '../indexing.ts';
import { requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * A copy of data with slices replaced. Inputs: data [d0, ...], int indices [..., k], updates [..., d_k, ...]:
 * data[indices[p]] = updates[p] for every position p of the indices' leading dimensions.
 */
export interface ScatterNd {
  readonly type: 'scatterNd';
}

export const scatterNd: OpDefinition<ScatterNd> = {
  type: 'scatterNd',

  infer(_op, inputs) {
    const what = 'scatterNd';
    requireInputs(what, inputs, 3);
    const [data, indices, updates] = inputs;
    requireKind(`${what}: indices`, indices, 'int');
    requireKind(`${what}: updates`, updates, data.kind);
    const depth = indices.shape[indices.shape.length - 1];
    if (indices.shape.length === 0 || depth > data.shape.length) {
      throw new ShapeError(`${what}: indices [${indices.shape}] don't address data [${data.shape}]`);
    }
    const expected = [...indices.shape.slice(0, -1), ...data.shape.slice(depth)];
    if (!sameShape(updates.shape, expected)) {
      throw new ShapeError(`${what}: updates must be [${expected}], they are [${updates.shape}]`);
    }
    return [{ kind: data.kind, shape: data.shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [source, indices, updates] = inputs;
    const [{ kind, shape }] = scatterNd.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    data.set(source.data);
    const depth = indices.shape[indices.shape.length - 1];
    const strides = rowMajorStrides(shape);
    const sliceSize = elementCount(shape.slice(depth));
    const slices = elementCount(indices.shape.slice(0, -1));
    for (let slice = 0; slice < slices; slice++) {
      let write = 0;
      for (let axis = 0; axis < depth; axis++) {
        write += resolveIndex('scatterNd', indices.data[slice * depth + axis], axis, shape[axis]) * strides[axis];
      }
      for (let i = 0; i < sliceSize; i++) data[write + i] = updates.data[slice * sliceSize + i];
    }
    return [{ kind, shape, data }];
  },
};
