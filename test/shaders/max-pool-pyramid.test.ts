import { describe, expect, it } from 'vitest';
import { packedView } from '../../engine/plan/views.ts';
import { maxPoolPyramid } from '../../shaders/max-pool-pyramid.ts';
import { checkKernel, storedAs } from '../support/check-kernel.ts';
import { mapOf, mapViewsOf } from '../support/feature-maps.ts';
import { evaluate, floatTensor, randomTensor } from '../support/tensors.ts';

describe.each(['f32', 'f16'] as const)('maxPoolPyramid of %s', (element) => {
  it.each([[[5, 9, 13]], [[3]], [[1, 7]]])('sizes %s', async (sizes) => {
    for (const shape of [
      [1, 4, 1, 1],
      [2, 8, 5, 7],
      [1, 12, 17, 3],
    ]) {
      const tensor = storedAs(element, randomTensor(31, shape));
      const [expected] = evaluate({ type: 'maxPoolPyramid', sizes }, tensor);
      for (const from of mapViewsOf(shape, element)) {
        for (const to of mapViewsOf(expected.shape, element)) {
          for (const shared of [false, true]) {
            await checkKernel(
              ([input], [output]) => maxPoolPyramid({ input: mapOf(input), output: mapOf(output), sizes }),
              [{ tensor, view: from.view }],
              [{ tensor: expected, view: to.view }],
              { shared },
            );
          }
        }
      }
    }
  });

  it('of negative numbers ignores padding', async () => {
    const tensor = floatTensor([1, 4, 2, 2], new Array(16).fill(-5));
    const [expected] = evaluate({ type: 'maxPoolPyramid', sizes: [3, 5] }, tensor);
    expect(Array.from(expected.data)).toEqual(new Array(32).fill(-5));
    await checkKernel(
      ([input], [output]) => maxPoolPyramid({ input: mapOf(input), output: mapOf(output), sizes: [3, 5] }),
      [{ tensor, view: packedView(tensor.shape, element) }],
      [{ tensor: expected, view: packedView(expected.shape, element) }],
    );
  });
});
