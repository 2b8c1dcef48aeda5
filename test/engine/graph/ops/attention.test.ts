import { describe, expect, it } from 'vitest';
import { type Attention, attention } from '../../../../engine/graph/ops/attention.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { evaluate, expectClose, floatTensor, randomTensor } from '../../../support/tensors.ts';

describe('attention', () => {
  it('is a mean of values, weighted by the softmax of products', () => {
    const op: Attention = { type: 'attention', heads: 1, scale: 1 };
    const queries = floatTensor([1, 1, 2], [0, Math.log(3)]);
    const keys = floatTensor([1, 1, 2], [0, 1]);
    // Equal weights, then 1 : 3.
    const [mean] = evaluate(op, queries, keys, floatTensor([1, 1, 2], [4, 8]));
    expectClose(mean, floatTensor([1, 1, 2], [6, 7]), 1e-6);
  });

  it('equals the products and the softmax that it stands for', () => {
    const [heads, depth, width, positions, sources] = [2, 3, 5, 4, 6];
    const inputs = [
      randomTensor(1, [2, heads * depth, positions]),
      randomTensor(2, [2, heads * depth, sources]),
      randomTensor(3, [2, heads * width, sources]),
    ];
    const split = inputs.map((input) => {
      const shape = [2, heads, input.shape[1] / heads, input.shape[2]];
      return evaluate({ type: 'reshape', shape }, input)[0];
    });
    const swap = { type: 'transpose', permutation: [0, 1, 3, 2] } as const;
    const [scores] = evaluate({ type: 'matMul' }, ...evaluate(swap, split[0]), split[1]);
    const [scaled] = evaluate({ type: 'binary', function: 'multiply' }, scores, floatTensor([1], [0.5]));
    const [weights] = evaluate({ type: 'softmax', axis: 3 }, scaled);
    const [mixed] = evaluate({ type: 'matMul' }, split[2], ...evaluate(swap, weights));
    const [expected] = evaluate({ type: 'reshape', shape: [2, heads * width, positions] }, mixed);
    expectClose(evaluate({ type: 'attention', heads, scale: 0.5 }, ...inputs)[0], expected, 1e-12);
  });

  it.each([
    ['other channels', [1, 4, 5], [1, 8, 5], [1, 4, 5]],
    ['other positions', [1, 4, 5], [1, 4, 5], [1, 4, 6]],
    ['other images', [2, 4, 5], [1, 4, 5], [1, 4, 5]],
    ['channels that are no heads', [1, 3, 5], [1, 3, 5], [1, 4, 5]],
    ['no keys', [1, 4, 5], [1, 4, 0], [1, 4, 0]],
  ])('refuses %s', (_, ...shapes) => {
    const inputs = (shapes as number[][]).map((shape) => floatTensor(shape));
    expect(() => attention.infer({ type: 'attention', heads: 2, scale: 1 }, inputs)).toThrow(ShapeError);
  });
});
