import { allocate, elementCount } from '../indexing.ts';
import { requireAxis, requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * The k largest (or smallest) elements along an axis, sorted; of equal elements the lower index comes first.
 * Outputs: values, int indices.
 */
export interface TopK {
  readonly type: 'topK';
  readonly axis: number;
  readonly k: number;
  readonly largest: boolean;
}

export const topK: OpDefinition<TopK> = {
  type: 'topK',

  infer(op, inputs) {
    requireInputs('topK', inputs, 1);
    const [x] = inputs;
    requireKind('topK: x', x, 'float', 'int');
    requireAxis('topK', op.axis, x);
    if (!Number.isInteger(op.k) || op.k < 0 || op.k > x.shape[op.axis]) {
      throw new ShapeError(`topK: k is ${op.k}, axis ${op.axis} of [${x.shape}] has ${x.shape[op.axis]} elements`);
    }
    const shape = x.shape.map((size, axis) => (axis === op.axis ? op.k : size));
    return [
      { kind: x.kind, shape },
      { kind: 'int', shape },
    ];
  },

  /** At least one comparison for each element. */
  cost(_op, [x]) {
    return { flops: elementCount(x.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = topK.infer(op, inputs);
    const values = allocate(kind, elementCount(shape));
    const indices = new Int32Array(values.length);
    const size = x.shape[op.axis];
    const outer = elementCount(x.shape.slice(0, op.axis));
    const inner = elementCount(x.shape.slice(op.axis + 1));
    const sign = op.largest ? 1 : -1;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const valueAt = (index: number) => x.data[(o * size + index) * inner + i];
        const order = Int32Array.from({ length: size }, (_, index) => index);
        order.sort((a, b) => sign * (valueAt(b) - valueAt(a)) || a - b);
        for (let rank = 0; rank < op.k; rank++) {
          const target = (o * op.k + rank) * inner + i;
          values[target] = valueAt(order[rank]);
          indices[target] = order[rank];
        }
      }
    }
    return [
      { kind, shape, data: values },
      { kind: 'int', shape, data: indices },
    ];
  },
};
