import { elementCount } from '../indexing.ts';
import { requireInputs, requireKind, requireRank } from '../rules.ts';
import type { DenseTensor, OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * Scaled dot-product attention in several heads (arXiv:1706.03762): each position of the output is the mean of the values,
 * weighted by the softmax of scale * (query . key).
 *
 * Inputs: queries [N, heads * D, L], keys [N, heads * D, S], values [N, heads * E, S], a head's channels following each
 * other. Output [N, heads * E, L].
 */
export interface Attention {
  readonly type: 'attention';
  readonly heads: number;
  readonly scale: number;
}

/** More keys than these don't fit into the memory that a workgroup has on every device, as the scores of two queries. */
export const MOST_ATTENTION_KEYS = 1936;

export const attention: OpDefinition<Attention> = {
  type: 'attention',

  infer(op, inputs) {
    requireInputs('attention', inputs, 3);
    for (const [index, name] of ['queries', 'keys', 'values'].entries()) {
      requireKind(`attention: ${name}`, inputs[index], 'float');
      requireRank(`attention: ${name}`, inputs[index], 3);
    }
    const [queries, keys, values] = inputs;
    const fits =
      new Set(inputs.map(({ shape }) => shape[0])).size === 1 &&
      queries.shape[1] === keys.shape[1] &&
      keys.shape[2] === values.shape[2] &&
      keys.shape[2] > 0;
    if (!fits || inputs.some(({ shape }) => shape[1] % op.heads !== 0)) {
      const given = inputs.map(({ shape }) => `[${shape}]`).join(', ');
      throw new ShapeError(`attention: queries, keys and values ${given} don't fit each other in ${op.heads} heads`);
    }
    return [{ kind: 'float', shape: [queries.shape[0], values.shape[1], queries.shape[2]] }];
  },

  /** Two products, and the softmax's five operations for each pair of positions. */
  cost(op, [queries, keys, values]) {
    const [batch, channels, positions] = queries.shape;
    const pairs = batch * positions * keys.shape[2];
    return { flops: pairs * (2 * (channels + values.shape[1]) + 6 * op.heads) };
  },

  reference(op, inputs) {
    const [queries, keys, values] = inputs;
    const [{ shape }] = attention.infer(op, inputs);
    const [batch, channels, positions] = shape;
    const sources = keys.shape[2];
    const data = new Float64Array(elementCount(shape));
    for (let head = 0; head < batch * op.heads; head++) {
      const [q, k, v] = [queries, keys, values].map((tensor) => rowsOf(tensor, head, op.heads));
      for (let position = 0; position < positions; position++) {
        const scores = Array.from({ length: sources }, (_, source) =>
          q.reduce((sum, row, channel) => sum + op.scale * row[position] * k[channel][source], 0),
        );
        const largest = scores.reduce((a, b) => Math.max(a, b));
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        v.forEach((row, channel) => {
          const at = (head * (channels / op.heads) + channel) * positions + position;
          data[at] = weights.reduce((sum, weight, source) => sum + weight * row[source], 0) / total;
        });
      }
    }
    return [{ kind: 'float', shape, data }];
  },
};

/** The channels of one head, each a row of positions. */
function rowsOf({ shape, data }: DenseTensor, head: number, heads: number): DenseTensor['data'][] {
  const [channels, positions] = [shape[1] / heads, shape[2]];
  return Array.from({ length: channels }, (_, channel) => {
    const start = (head * channels + channel) * positions;
    return data.subarray(start, start + positions);
  });
}
