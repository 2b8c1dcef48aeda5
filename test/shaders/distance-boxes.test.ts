import { describe, expect, it } from 'vitest';
import type { DistanceBoxes } from '../../engine/graph/ops/distance-boxes.ts';
import { linearView } from '../../engine/plan/views.ts';
import { distanceBoxes } from '../../shaders/distance-boxes.ts';
import type { ElementType } from '../../shaders/kernel.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { evaluate, floatTensor, randomTensor } from '../support/tensors.ts';

const forms = ['corners', 'centerSize'] as const;

/** On every pair of views. */
async function check(
  bins: readonly number[],
  [batch, anchors]: readonly [number, number],
  form: DistanceBoxes['form'],
  element: ElementType,
): Promise<Set<string>> {
  const sides = Math.max(1, bins.length);
  const x = storedAs(element, randomTensor(3, [batch, 4 * sides, anchors], 4));
  const points = randomTensor(4, [2, anchors], 20);
  const strides = floatTensor(
    [anchors],
    Array.from({ length: anchors }, (_, anchor) => 8 << (anchor % 3)),
  );
  const op: DistanceBoxes = { type: 'distanceBoxes', bins, axis: 1, form };
  const [expected] = evaluate(op, x, points, strides);
  const labels = new Set<string>();
  for (const from of viewsOf(x.shape, element)) {
    for (const to of viewsOf(expected.shape, 'f32')) {
      const kernel = await checkKernel(
        ([input, pointsView, stridesView], [output]) =>
          distanceBoxes({ input, points: pointsView, strides: stridesView, output, bins, form }),
        [
          { tensor: x, view: from.view },
          { tensor: points, view: linearView(points.shape, 'f32') },
          { tensor: strides, view: linearView(strides.shape, 'f32') },
        ],
        [{ tensor: expected, view: to.view }],
        { tolerance: 2e-6 },
      );
      labels.add(kernel.label);
    }
  }
  return labels;
}

describe('distanceBoxes', () => {
  const even = Array.from({ length: 16 }, (_, bin) => bin);
  const cases: [string, readonly number[], readonly [number, number]][] = [
    ['distances', [], [2, 7]],
    ['16 bins', even, [2, 5]],
    ['17 bins', [...even, 16], [1, 9]],
    ['8 uneven bins', [0, 0.9, 2.1, 3, 4, 5.5, 6, -7], [1, 66]],
    ['bins that fill no registers', Array.from({ length: 64 }, (_, bin) => bin / 4), [1, 3]],
  ];
  for (const form of forms) {
    it.each(cases)(`%s to ${form}`, async (_, bins, shape) => {
      await check(bins, shape, form, 'f32');
    });
  }

  it('reads float16', async () => {
    await check(even, [1, 5], 'corners', 'f16');
  });

  it('reads whole vec4s where bins lie channels-last, and single elements elsewhere', async () => {
    const labels = await check(even, [1, 4], 'corners', 'f32');
    expect([...labels].filter((label) => label.includes('vec4'))).toHaveLength(1);
    expect([...labels].filter((label) => label.includes('strided'))).toHaveLength(1);
  });

  it('of large logits does not overflow', async () => {
    const x = floatTensor([1, 8, 1], [1e4, 1e4, -1e30, 1e4, 0, 0, 200, 0]);
    const inputs = [x, floatTensor([2, 1], [10, 20]), floatTensor([1], [8])];
    const op: DistanceBoxes = { type: 'distanceBoxes', bins: [0, 1], axis: 1, form: 'corners' };
    const [expected] = evaluate(op, ...inputs);
    await checkKernel(
      ([input, points, strides], [output]) =>
        distanceBoxes({ input, points, strides, output, bins: [0, 1], form: 'corners' }),
      inputs.map((tensor) => ({ tensor, view: linearView(tensor.shape, 'f32') })),
      [{ tensor: expected, view: linearView(expected.shape, 'f32') }],
      { tolerance: 1e-6 },
    );
  });
});
