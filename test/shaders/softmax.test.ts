import { describe, expect, it } from 'vitest';
import { broadcastView, linearView, packedView } from '../../engine/plan/views.ts';
import { softmax } from '../../shaders/softmax.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { evaluate, floatTensor, randomTensor } from '../support/tensors.ts';

describe('softmax', () => {
  const shapes = [[1], [5], [3, 7], [2, 6, 5], [2, 5, 3, 4], [1, 4, 16, 9], [2, 130, 3], [1, 3, 2, 301]];
  it.each(shapes.map((shape) => [shape]))('along every axis of views of [%s]', async (shape) => {
    const tensor = randomTensor(5, shape, 8);
    for (let axis = 0; axis < shape.length; axis++) {
      const [expected] = evaluate({ type: 'softmax', axis }, tensor);
      for (const from of viewsOf(shape, 'f32')) {
        for (const to of viewsOf(shape, 'f32').filter(({ name }) => name === from.name || name === 'channels-last')) {
          const padTo4 = to.ownsPadding ? 1 : undefined;
          await checkKernel(
            ([input], [output]) => softmax({ input, output, axis, padTo4 }),
            [{ tensor, view: from.view }],
            [{ tensor: expected, view: to.view, padTo4 }],
            { tolerance: 1e-6 },
          );
        }
      }
    }
  });

  it('gives long rows a workgroup and short ones an invocation', () => {
    const labelOf = (shape: readonly number[], axis: number) => {
      const view = linearView(shape, 'f32');
      return softmax({ input: view, output: view, axis }).label;
    };
    expect(labelOf([1, 4, 16, 8400], 2)).toContain('per invocation');
    expect(labelOf([1, 2, 400, 400], 3)).toContain('per workgroup');
  });

  it('of large magnitudes does not overflow', async () => {
    const view = linearView([2, 3], 'f32');
    const tensor = floatTensor([2, 3], [1e4, 1e4 - 1, -1e30, -1e4, -1e4, -1e4]);
    const [expected] = evaluate({ type: 'softmax', axis: 1 }, tensor);
    await checkKernel(
      ([input], [output]) => softmax({ input, output, axis: 1 }),
      [{ tensor, view }],
      [{ tensor: expected, view }],
      { tolerance: 1e-6 },
    );
  });

  it.each([20, 200])('stores float16, rows of %s, within one allocation', async (length) => {
    const shape = [2, 3, length];
    const tensor = storedAs('f16', randomTensor(6, shape, 5));
    const [expected] = evaluate({ type: 'softmax', axis: 2 }, tensor);
    const view = packedView(shape, 'f16');
    await checkKernel(
      ([input], [output]) => softmax({ input, output, axis: 2, padTo4: 1 }),
      [{ tensor, view }],
      [{ tensor: expected, view, padTo4: 1 }],
      { shared: true },
    );
  });

  it('reads repeated rows', async () => {
    const tensor = randomTensor(8, [1, 9]);
    const [once] = evaluate({ type: 'softmax', axis: 1 }, tensor);
    await checkKernel(
      ([input], [output]) => softmax({ input: broadcastView(input, [4, 9]), output, axis: 1 }),
      [{ tensor, view: linearView([1, 9], 'f32') }],
      [
        {
          tensor: floatTensor(
            [4, 9],
            [0, 1, 2, 3].flatMap(() => Array.from(once.data)),
          ),
          view: linearView([4, 9], 'f32'),
        },
      ],
      { tolerance: 1e-6 },
    );
  });
});
