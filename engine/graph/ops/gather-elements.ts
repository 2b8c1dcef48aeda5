import { allocate, elementCount, forEachRow, resolveIndex, rowMajorStrides } from '../indexing.ts';
import { requireAxis, requireInputs, requireKind, requireRank } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** out[i][j][k] = data[i][index[i][j][k]][k] for axis 1. Inputs: data and int indices of equal rank. */
export interface GatherElements {
  readonly type: 'gatherElements';
  readonly axis: number;
}

export const gatherElements: OpDefinition<GatherElements> = {
  type: 'gatherElements',

  infer(op, inputs) {
    const what = 'gatherElements';
    requireInputs(what, inputs, 2);
    const [data, indices] = inputs;
    requireAxis(what, op.axis, data);
    requireKind(`${what}: indices`, indices, 'int');
    requireRank(`${what}: indices`, indices, data.shape.length);
    indices.shape.forEach((size, axis) => {
      if (axis !== op.axis && size > data.shape[axis]) {
        throw new ShapeError(`${what}: indices [${indices.shape}] exceed data [${data.shape}] in dimension ${axis}`);
      }
    });
    return [{ kind: data.kind, shape: indices.shape }];
  },

  cost() {
    return { flops: 0 };
  },

  reference(op, inputs) {
    const [source, indices] = inputs;
    const [{ kind, shape }] = gatherElements.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    const strides = rowMajorStrides(source.shape);
    const size = source.shape[op.axis];
    // The position along the axis comes from the indices, all others from the output's own position.
    const others = strides.map((stride, axis) => (axis === op.axis ? 0 : stride));
    let index = 0;
    forEachRow(shape, [others], (length, [start], [step]) => {
      for (let i = 0; i < length; i++, index++) {
        const picked = resolveIndex('gatherElements', indices.data[index], op.axis, size);
        data[index] = source.data[start + i * step + picked * strides[op.axis]];
      }
    });
    return [{ kind, shape, data }];
  },
};
