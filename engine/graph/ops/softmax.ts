import { elementCount } from '../indexing.ts';
import { requireAxis, requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';

/** exp(x - max) / sum over one axis. */
export interface Softmax {
  readonly type: 'softmax';
  readonly axis: number;
}

export const softmax: OpDefinition<Softmax> = {
  type: 'softmax',

  infer(op, inputs) {
    requireInputs('softmax', inputs, 1);
    const [x] = inputs;
    requireKind('softmax: x', x, 'float');
    requireAxis('softmax', op.axis, x);
    return [{ kind: 'float', shape: x.shape }];
  },

  /** Maximum, difference, exponential, sum and quotient of each element. */
  cost(_op, [x]) {
    return { flops: 5 * elementCount(x.shape) };
  },

  reference(op, [x]) {
    const size = x.shape[op.axis];
    const outer = elementCount(x.shape.slice(0, op.axis));
    const inner = elementCount(x.shape.slice(op.axis + 1));
    const data = new Float64Array(x.data.length);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * size * inner + i;
        const end = start + size * inner;
        let largest = -Infinity;
        for (let at = start; at < end; at += inner) largest = Math.max(largest, x.data[at]);
        let sum = 0;
        for (let at = start; at < end; at += inner) sum += data[at] = Math.exp(x.data[at] - largest);
        for (let at = start; at < end; at += inner) data[at] /= sum;
      }
    }
    return [{ kind: 'float', shape: x.shape, data }];
  },
};
