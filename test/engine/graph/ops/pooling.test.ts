import { describe, expect, it } from 'vitest';
import type { AveragePool2d } from '../../../../engine/graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../../../../engine/graph/ops/max-pool-2d.ts';
import { definitionOf } from '../../../../engine/graph/registry.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { int, ints } from '../../../support/onnx-writer.ts';
import { evaluate, expectClose, floatTensor, randomTensor, valuesOf } from '../../../support/tensors.ts';

const windows = [
  { shape: [2, 3, 7, 6], kernel: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] },
  { shape: [1, 3, 8, 8], kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] },
  { shape: [1, 2, 7, 9], kernel: [3, 2], strides: [2, 3], pads: [1, 0, 2, 1] },
  { shape: [1, 1, 1, 1], kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { shape: [1, 2, 5, 5], kernel: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] },
] as const;

const attributesOf = ({ kernel, strides, pads }: (typeof windows)[number]) => ({
  kernel_shape: ints(...kernel),
  strides: ints(...strides),
  pads: ints(...pads),
});

describe('maxPool2d', () => {
  it.each(windows)('equals ONNX Runtime: $shape, kernel $kernel, strides $strides, pads $pads', async (test) => {
    const x = randomTensor(1, test.shape);
    const [expected] = await runOperator('MaxPool', [x], { attributes: attributesOf(test) });
    const { kernel, strides, pads } = test;
    expectClose(evaluate({ type: 'maxPool2d', kernel, strides, pads }, x)[0], expected, 0);
  });

  it('lets padding never win', () => {
    const op: MaxPool2d = { type: 'maxPool2d', kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] };
    expect(valuesOf(op, floatTensor([1, 1, 1, 2], [-3, -2]))).toEqual([-2, -2]);
  });

  it('counts a comparison for each pixel of each window', () => {
    const op: MaxPool2d = { type: 'maxPool2d', kernel: [2, 3], strides: [1, 1], pads: [0, 0, 0, 0] };
    const inputs = [floatTensor([1, 2, 4, 4])];
    const definition = definitionOf(op);
    expect(definition.cost(op, inputs, definition.infer(op, inputs))).toEqual({ flops: 2 * 3 * 2 * 3 * 2 });
  });
});

describe('maxPoolPyramid', () => {
  it('joins the pools of all sizes along the channels', () => {
    const x = randomTensor(1, [2, 3, 7, 6]);
    const pools = [3, 5].map((size) => {
      const half = (size - 1) / 2;
      return evaluate(
        { type: 'maxPool2d', kernel: [size, size], strides: [1, 1], pads: [half, half, half, half] },
        x,
      )[0];
    });
    const [joined] = evaluate({ type: 'concat', axis: 1 }, ...pools);
    expectClose(evaluate({ type: 'maxPoolPyramid', sizes: [3, 5] }, x)[0], joined, 0);
  });

  it.each([[[4]], [[5, 3]], [[3, 3]]])('refuses sizes %s', (sizes) => {
    const op = { type: 'maxPoolPyramid', sizes } as const;
    expect(() => definitionOf(op).infer(op, [floatTensor([1, 1, 9, 9])])).toThrow(ShapeError);
  });
});

describe('averagePool2d', () => {
  it.each(windows)('equals ONNX Runtime: $shape, kernel $kernel, strides $strides, pads $pads', async (test) => {
    const x = randomTensor(1, test.shape);
    for (const countIncludePad of [true, false]) {
      const attributes = { ...attributesOf(test), count_include_pad: int(countIncludePad ? 1 : 0) };
      const [expected] = await runOperator('AveragePool', [x], { attributes });
      const { kernel, strides, pads } = test;
      expectClose(evaluate({ type: 'averagePool2d', kernel, strides, pads, countIncludePad }, x)[0], expected, 1e-6);
    }
  });
});

describe('pools refuse', () => {
  const pool: MaxPool2d = { type: 'maxPool2d', kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
  const average: AveragePool2d = { ...pool, type: 'averagePool2d', countIncludePad: false };
  const refused: [string, MaxPool2d | AveragePool2d, RegExp][] = [
    ['a window that sees only padding at the top', { ...pool, pads: [2, 0, 0, 0] }, /without input along the height/],
    [
      'a window that sees only padding at the right',
      { ...average, pads: [0, 0, 0, 2] },
      /without input along the width/,
    ],
    ['a window larger than the input', { ...average, kernel: [5, 1] }, /height is 4 with padding, too small/],
  ];
  it.each(refused)('%s', (_, op, message) => {
    expect(() => evaluate(op, floatTensor([1, 1, 4, 4]))).toThrow(ShapeError);
    expect(() => evaluate(op, floatTensor([1, 1, 4, 4]))).toThrow(message);
  });
});
