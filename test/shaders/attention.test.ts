import { describe, expect, it } from 'vitest';
import { MOST_ATTENTION_KEYS } from '../../engine/graph/ops/attention.ts';
import { packedView, sliceAxis } from '../../engine/plan/views.ts';
import { attention } from '../../shaders/attention.ts';
import type { ElementType } from '../../shaders/kernel.ts';
import { checkKernel, storedAs } from '../support/check-kernel.ts';
import { evaluate, floatTensor, randomTensor } from '../support/tensors.ts';

interface Case {
  readonly batch?: number;
  readonly heads: number;
  readonly depth: number;
  readonly width: number;
  readonly queries: number;
  readonly keys: number;
}

/** Queries, keys and values as slices of one tensor where there are as many queries as keys, else as whole ones. */
async function check({ batch = 1, heads, depth, width, queries, keys }: Case, element: ElementType): Promise<string> {
  const op = { type: 'attention', heads, scale: depth ** -0.5 } as const;
  const shapes = [
    [batch, heads * depth, queries],
    [batch, heads * depth, keys],
    [batch, heads * width, keys],
  ];
  const tensors = shapes.map((shape, index) => storedAs(element, randomTensor(5 + index, shape, 3)));
  const [expected] = evaluate(op, ...tensors);
  const joined = packedView([batch, heads * (2 * depth + width), keys], element);
  const views = shapes.map((shape, index) =>
    queries === keys ? sliceAxis(joined, 1, index * heads * depth, shape[1]) : packedView(shape, element),
  );
  const kernel = await checkKernel(
    ([q, k, v], [output]) => attention({ queries: q, keys: k, values: v, output, heads, scale: op.scale }),
    tensors.map((tensor, index) => ({ tensor, view: views[index] })),
    [{ tensor: expected, view: packedView(expected.shape, element) }],
    { tolerance: 3e-6 },
  );
  return kernel.label;
}

describe.each(['f32', 'f16'] as const)('attention of %s', (element) => {
  it.each<[string, Case]>([
    ['slices of one tensor', { heads: 2, depth: 8, width: 16, queries: 20, keys: 20 }],
    ['several images', { batch: 2, heads: 3, depth: 4, width: 4, queries: 9, keys: 9 }],
    ['other queries than keys, neither a multiple of 4', { heads: 1, depth: 12, width: 8, queries: 5, keys: 13 }],
    ['one position', { heads: 2, depth: 4, width: 8, queries: 1, keys: 1 }],
    ['more channels than invocations', { heads: 1, depth: 16, width: 300, queries: 3, keys: 6 }],
  ])('%s', async (_, layer) => {
    expect(await check(layer, element)).toContain('attention 8 queries');
  });
});

describe('attention', () => {
  it('takes fewer queries at once where there are many keys', async () => {
    const many = { heads: 1, depth: 4, width: 4, queries: 5 };
    expect(await check({ ...many, keys: 900 }, 'f32')).toContain('attention 4 queries');
    expect(await check({ ...many, keys: MOST_ATTENTION_KEYS }, 'f32')).toContain('attention 2 queries');
  });

  it('of large scores does not overflow', async () => {
    const tensors = [
      floatTensor([1, 4, 2], [300, -300, 0, 0, 0, 0, 0, 0]),
      floatTensor([1, 4, 3], [300, 299, -300, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      randomTensor(1, [1, 4, 3]),
    ];
    const [expected] = evaluate({ type: 'attention', heads: 1, scale: 1 }, ...tensors);
    await checkKernel(
      ([queries, keys, values], [output]) => attention({ queries, keys, values, output, heads: 1, scale: 1 }),
      tensors.map((tensor) => ({ tensor, view: packedView(tensor.shape, 'f32') })),
      [{ tensor: expected, view: packedView(expected.shape, 'f32') }],
      { tolerance: 1e-6 },
    );
  });
});
