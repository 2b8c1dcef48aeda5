import { describe, expect, it } from 'vitest';
import type { Pad } from '../../engine/graph/ops/pad.ts';
import { linearView, packedView } from '../../engine/plan/views.ts';
import { pad } from '../../shaders/pad.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { evaluate, intTensor, randomTensor } from '../support/tensors.ts';

describe('pad', () => {
  const cases: [number[], number[], number[]][] = [
    [[1], [2], [1]],
    [
      [3, 5],
      [0, 0],
      [0, 0],
    ],
    [
      [3, 5],
      [1, 0],
      [0, 2],
    ],
    [
      [3, 5],
      [-1, 2],
      [1, -2],
    ],
    [
      [1, 6, 3, 4],
      [0, 0, 1, 1],
      [0, 0, 1, 1],
    ],
    [
      [2, 5, 3, 4],
      [0, 1, 0, -1],
      [1, 2, 0, 0],
    ],
  ];
  it.each(cases)('of [%s] by [%s] and [%s]', async (shape, before, after) => {
    const op: Pad = { type: 'pad', before, after, value: 2.5 };
    const tensor = randomTensor(1, shape);
    const [expected] = evaluate(op, tensor);
    for (const from of viewsOf(shape, 'f32')) {
      for (const to of viewsOf(expected.shape, 'f32')) {
        const padTo4 = to.ownsPadding ? 1 : undefined;
        await checkKernel(
          ([input], [output]) => pad({ input, output, op, padTo4 }),
          [{ tensor, view: from.view }],
          [{ tensor: expected, view: to.view, padTo4 }],
        );
      }
    }
  });

  it('of integers and float16, within one allocation', async () => {
    const op: Pad = { type: 'pad', before: [0, 1, 0], after: [0, 0, 2], value: 7 };
    const shape = [1, 5, 3];
    for (const [tensor, element] of [
      [intTensor(shape), 'i32'],
      [storedAs('f16', randomTensor(2, shape)), 'f16'],
    ] as const) {
      const [expected] = evaluate(op, tensor);
      await checkKernel(
        ([input], [output]) => pad({ input, output, op, padTo4: 1 }),
        [{ tensor, view: packedView(shape, element) }],
        [{ tensor: expected, view: packedView(expected.shape, element), padTo4: 1 }],
        { shared: true },
      );
    }
  });

  it('refuses to change the kind', () => {
    const op: Pad = { type: 'pad', before: [0], after: [0], value: 0 };
    expect(() => pad({ input: linearView([4], 'f32'), output: linearView([4], 'i32'), op })).toThrow("can't be stored");
  });
});
