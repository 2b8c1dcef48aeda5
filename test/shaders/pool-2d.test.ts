import { describe, expect, it } from 'vitest';
import type { AveragePool2d } from '../../engine/graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../../engine/graph/ops/max-pool-2d.ts';
import { packedView } from '../../engine/plan/views.ts';
import type { ElementType } from '../../shaders/kernel.ts';
import { pool2d } from '../../shaders/pool-2d.ts';
import { checkKernel, storedAs } from '../support/check-kernel.ts';
import { mapOf, mapViewsOf } from '../support/feature-maps.ts';
import { evaluate, floatTensor, randomTensor } from '../support/tensors.ts';

function maximum(
  kernel: [number, number],
  strides: [number, number],
  pads: [number, number, number, number],
): MaxPool2d {
  return { type: 'maxPool2d', kernel, strides, pads };
}

function average(
  kernel: [number, number],
  strides: [number, number],
  pads: [number, number, number, number],
  countIncludePad: boolean,
): AveragePool2d {
  return { type: 'averagePool2d', kernel, strides, pads, countIncludePad };
}

/**
 * On whole maps and slices, within one allocation and across several. Channels are rounded up to whole vec4s, so that what
 * the pool makes of unused lanes is known too.
 */
async function check(op: MaxPool2d | AveragePool2d, shape: readonly number[], element: ElementType): Promise<void> {
  const whole = [shape[0], Math.ceil(shape[1] / 4) * 4, ...shape.slice(2)];
  const tensor = storedAs(element, randomTensor(31, whole));
  const [expected] = evaluate(op, tensor);
  for (const from of mapViewsOf(whole, element)) {
    for (const to of mapViewsOf(expected.shape, element)) {
      for (const shared of [false, true]) {
        await checkKernel(
          ([input], [output]) =>
            pool2d({
              input: { ...mapOf(input), channels: shape[1] },
              output: { ...mapOf(output), channels: shape[1] },
              op,
            }),
          [{ tensor, view: from.view }],
          [{ tensor: expected, view: to.view }],
          { tolerance: 1e-6, shared },
        );
      }
    }
  }
}

const shapes = [
  [1, 4, 1, 1],
  [2, 6, 5, 7],
  [1, 13, 9, 4],
];

describe.each(['f32', 'f16'] as const)('max pool of %s', (element) => {
  const ops: [string, MaxPool2d][] = [
    ['5x5 stride 1', maximum([5, 5], [1, 1], [2, 2, 2, 2])],
    ['3x3 stride 2', maximum([3, 3], [2, 2], [1, 1, 1, 1])],
    ['13x13 stride 1', maximum([13, 13], [1, 1], [6, 6, 6, 6])],
    ['1x1', maximum([1, 1], [1, 1], [0, 0, 0, 0])],
    ['3x1, one-sided padding', maximum([3, 1], [1, 2], [2, 0, 0, 0])],
    ['2x2 stride 2 with padding below', maximum([2, 2], [2, 2], [0, 0, 1, 1])],
  ];
  it.each(ops)('%s', async (_, op) => {
    for (const shape of shapes) await check(op, shape, element);
  });

  it('of negative numbers ignores padding', async () => {
    const view = packedView([1, 4, 2, 2], element);
    const tensor = floatTensor([1, 4, 2, 2], new Array(16).fill(-5));
    await checkKernel(
      ([input], [output]) =>
        pool2d({ input: mapOf(input), output: mapOf(output), op: maximum([3, 3], [1, 1], [1, 1, 1, 1]) }),
      [{ tensor, view }],
      [{ tensor, view }],
    );
  });
});

describe('average pool', () => {
  it.each([true, false])('counting padding: %s', async (countIncludePad) => {
    const ops = [
      average([3, 3], [1, 1], [1, 1, 1, 1], countIncludePad),
      average([2, 3], [2, 1], [0, 1, 1, 1], countIncludePad),
      average([1, 1], [1, 1], [0, 0, 0, 0], countIncludePad),
    ];
    for (const op of ops) for (const shape of shapes) await check(op, shape, 'f32');
    await check(ops[0], [1, 6, 5, 7], 'f16');
  });

  it('of 2x2 pixels without padding, as YOLOv9 down-samples', async () => {
    await check(average([2, 2], [1, 1], [0, 0, 0, 0], true), [1, 6, 8, 8], 'f32');
  });
});

describe('variants', () => {
  const labelOf = (op: MaxPool2d) => {
    const [input] = mapViewsOf([1, 8, 20, 20], 'f32');
    return pool2d({ input: mapOf(input.view), output: mapOf(input.view), op }).label;
  };
  it('walks columns where windows overlap from row to row', () => {
    expect(labelOf(maximum([5, 5], [1, 1], [2, 2, 2, 2]))).toBe('maxPool2d 5x5 column 4 f32');
    expect(labelOf(maximum([2, 2], [2, 2], [0, 0, 0, 0]))).toBe('maxPool2d 2x2 f32');
  });
});
