import { describe, expect, it } from 'vitest';
import { broadcastView, linearView, packedView } from '../../engine/plan/views.ts';
import { copy, fill } from '../../shaders/copy.ts';
import type { ElementType } from '../../shaders/kernel.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { floatTensor, intTensor, randomTensor } from '../support/tensors.ts';

describe('copy', () => {
  const shapes = [
    [1],
    [7],
    [3, 5],
    [1, 6, 1],
    [2, 7, 3, 5],
    [1, 8, 4, 6],
    [2, 3, 1, 2, 5],
    [1, 70, 5, 9],
    [1, 36, 8, 8],
  ];

  it.each(shapes.map((shape) => [shape]))('between every pair of views of [%s]', async (shape) => {
    const tensor = randomTensor(1, shape);
    for (const from of viewsOf(shape, 'f32')) {
      for (const to of viewsOf(shape, 'f32')) {
        const padTo4 = to.ownsPadding ? 1 : undefined;
        const build = (
          [input]: readonly Parameters<typeof copy>[0]['input'][],
          [output]: readonly Parameters<typeof copy>[0]['output'][],
        ) => copy({ input, output, padTo4 });
        await checkKernel(build, [{ view: from.view, tensor }], [{ view: to.view, tensor, padTo4 }]);
      }
    }
  });

  it('takes vec4s, blocks or single elements as the views allow', () => {
    const labelOf = (from: string, to: string, shape: readonly number[]) => {
      const input = viewsOf(shape, 'f32').find(({ name }) => name === from);
      const output = viewsOf(shape, 'f32').find(({ name }) => name === to);
      if (!input || !output) throw new Error('no such view');
      return copy({ input: input.view, output: output.view, padTo4: output.ownsPadding ? 1 : undefined }).label;
    };
    expect(labelOf('channel slice', 'channels-last', [1, 8, 5, 5])).toBe('copy vec4 f32 rank 2');
    expect(labelOf('channel slice', 'channels-last', [1, 6, 5, 5])).toBe('copy vec4 f32 rank 2');
    expect(labelOf('channels-last', 'channels-last', [2, 8, 5, 5])).toBe('copy vec4 f32 rank 1');
    expect(labelOf('unaligned channel slice', 'channels-last', [1, 8, 5, 5])).toBe('copy strided f32 rank 2');
    expect(labelOf('channels-last', 'row-major', [1, 84, 20, 20])).toBe('copy transposed vec4 f32 rank 2');
    expect(labelOf('row-major', 'channels-last', [2, 85, 20, 20])).toBe('copy transposed vec4 f32 rank 3');
    expect(labelOf('channels-last', 'row-major', [1, 85, 19, 19])).toBe('copy transposed f32 rank 2');
    expect(labelOf('channels-last', 'row-major', [1, 3, 20, 20])).toBe('copy strided f32 rank 2');
  });

  it('within one allocation', async () => {
    const tensor = randomTensor(2, [1, 8, 3, 5]);
    for (const from of viewsOf(tensor.shape, 'f32')) {
      const outputs = [{ view: packedView(tensor.shape, 'f32'), tensor }];
      await checkKernel(([input], [output]) => copy({ input, output }), [{ view: from.view, tensor }], outputs, {
        shared: true,
      });
    }
  });

  it('repeats along strides of 0', async () => {
    const tensor = floatTensor([3, 1], [1, 2, 3]);
    const view = broadcastView(linearView([3, 1], 'f32'), [2, 3, 4]);
    const repeated = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
    const outputs = [
      { view: linearView([2, 3, 4], 'f32'), tensor: floatTensor([2, 3, 4], [...repeated, ...repeated]) },
    ];
    await checkKernel(
      ([input], [output]) => copy({ input: { ...view, offset: input.offset }, output }),
      [{ view: linearView([3, 1], 'f32'), tensor }],
      outputs,
    );
  });

  const conversions: [ElementType, ElementType][] = [
    ['f32', 'f16'],
    ['f16', 'f32'],
    ['f16', 'f16'],
    ['f32', 'i32'],
    ['i32', 'f32'],
    ['i32', 'f16'],
    ['f16', 'i32'],
  ];
  it.each(conversions)('from %s to %s in every variant', async (from, to) => {
    for (const shape of [
      [1, 8, 4, 4],
      [1, 5, 3, 3],
      [1, 33, 5, 7],
    ]) {
      const numbers = Array.from(randomTensor(3, shape, 9).data);
      const tensor =
        from === 'i32' ? intTensor(shape, numbers.map(Math.trunc)) : storedAs(from, floatTensor(shape, numbers));
      const expected = to === 'i32' ? intTensor(shape, Array.from(tensor.data, Math.trunc)) : storedAs(to, tensor);
      for (const input of viewsOf(shape, from)) {
        const output = packedView(shape, to);
        await checkKernel(
          ([x], [y]) => copy({ input: x, output: y, padTo4: 1 }),
          [{ view: input.view, tensor }],
          [{ view: output, tensor: expected, padTo4: 1 }],
        );
      }
    }
  });

  it('of nothing dispatches nothing', () => {
    const view = linearView([2, 0, 3], 'f32');
    expect(copy({ input: view, output: view }).workgroups).toEqual([0, 1, 1]);
  });

  it('refuses views of different shapes', () => {
    expect(() => copy({ input: linearView([2, 3], 'f32'), output: linearView([3, 2], 'f32') })).toThrow('[3,2]');
  });
});

describe('fill', () => {
  it.each(['f32', 'f16', 'i32'] as const)('sets the elements of a view of %s and no others', async (element) => {
    for (const { view } of viewsOf([2, 5, 3], element)) {
      const expected = floatTensor([2, 5, 3], new Array(30).fill(3));
      await checkKernel((_, [output]) => fill({ output, value: 3 }), [], [{ view, tensor: expected }]);
    }
  });
});
