import { describe, expect, it } from 'vitest';
import type { Conv2d } from '../../../../engine/graph/ops/conv-2d.ts';
import { conv2d } from '../../../../engine/graph/ops/conv-2d.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { int, ints } from '../../../support/onnx-writer.ts';
import { evaluate, expectClose, floatTensor, randomTensor, valuesOf } from '../../../support/tensors.ts';

const plain: Conv2d = {
  type: 'conv2d',
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  groups: 1,
  epilogue: [],
};

describe('conv2d', () => {
  it('correlates, without flipping the kernel', () => {
    const x = floatTensor([1, 1, 3, 3]);
    const weight = floatTensor([1, 1, 2, 2], [1, 10, 100, 1000]);
    // Top left window: 0 * 1 + 1 * 10 + 3 * 100 + 4 * 1000, plus the bias.
    expect(valuesOf(plain, x, weight, floatTensor([1], [0.5]))).toEqual([4310.5, 5421.5, 7643.5, 8754.5]);
  });

  it('runs the epilogue in its order', () => {
    const op: Conv2d = {
      ...plain,
      epilogue: [{ name: 'relu' }, { name: 'addResidual', scale: 2 }, { name: 'clip', minimum: 0, maximum: 10 }],
    };
    const x = floatTensor([1, 1, 1, 3], [-5, 1, 20]);
    const residual = floatTensor([1, 1, 1, 3], [3, -4, 1]);
    expect(valuesOf(op, x, floatTensor([1, 1, 1, 1], [1]), floatTensor([1], [0]), residual)).toEqual([6, 0, 10]);
  });

  it('adds each pixel of a smaller residual to a square', () => {
    const op: Conv2d = { ...plain, epilogue: [{ name: 'addResidual', scale: 1, upsample: 2 }] };
    const [x, residual] = [floatTensor([1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]), floatTensor([1, 1, 1, 2], [10, 20])];
    const sums = valuesOf(op, x, floatTensor([1, 1, 1, 1], [1]), floatTensor([1], [0]), residual);
    expect(sums).toEqual([11, 12, 23, 24, 15, 16, 27, 28]);
  });

  it.each([
    { x: [2, 4, 7, 5], w: [6, 4, 3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 },
    { x: [1, 4, 7, 5], w: [6, 2, 3, 3], strides: [2, 1], pads: [0, 2, 1, 0], dilations: [1, 1], groups: 2 },
    { x: [1, 5, 9, 8], w: [5, 1, 3, 5], strides: [2, 3], pads: [3, 1, 0, 4], dilations: [2, 1], groups: 5 },
    { x: [1, 3, 1, 1], w: [4, 3, 3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 },
    { x: [1, 3, 12, 12], w: [4, 3, 6, 6], strides: [2, 2], pads: [2, 2, 2, 2], dilations: [1, 1], groups: 1 },
    { x: [1, 4, 6, 6], w: [8, 1, 2, 2], strides: [1, 1], pads: [4, 4, 4, 4], dilations: [3, 2], groups: 4 },
    { x: [3, 8, 4, 4], w: [8, 8, 1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 },
    { x: [1, 2, 4, 4], w: [2, 2, 1, 1], strides: [2, 2], pads: [1, 0, 0, 1], dilations: [1, 1], groups: 1 },
  ] as const)(
    'equals ONNX Runtime: $x * $w, strides $strides, pads $pads, dilations $dilations, groups $groups',
    async (test) => {
      const inputs = [randomTensor(1, test.x), randomTensor(2, test.w), randomTensor(3, [test.w[0]])];
      const { strides, pads, dilations, groups } = test;
      const [expected] = await runOperator('Conv', inputs, {
        attributes: {
          kernel_shape: ints(test.w[2], test.w[3]),
          strides: ints(...strides),
          pads: ints(...pads),
          dilations: ints(...dilations),
          group: int(groups),
        },
      });
      const [actual] = evaluate({ ...plain, strides, pads, dilations, groups }, ...inputs);
      expectClose(actual, expected, 1e-6);
    },
  );

  it('counts a product and a sum for each weight and output, and one operation for each step', () => {
    const inputs = [floatTensor([1, 4, 8, 8]), floatTensor([6, 2, 3, 3]), floatTensor([6])];
    const op: Conv2d = { ...plain, groups: 2, epilogue: [{ name: 'silu' }] };
    expect(conv2d.cost(op, inputs, conv2d.infer(op, inputs))).toEqual({ flops: 6 * 6 * 6 * (2 * 2 * 3 * 3 + 1) });
  });

  describe('refuses', () => {
    const x = floatTensor([1, 4, 5, 5]);
    const weight = floatTensor([6, 4, 3, 3]);
    const bias = floatTensor([6]);
    const residual: Conv2d = { ...plain, epilogue: [{ name: 'addResidual', scale: 1 }] };
    const upsampled = (upsample: number): Conv2d => {
      return { ...plain, epilogue: [{ name: 'addResidual', scale: 1, upsample }] };
    };
    const bias4 = floatTensor([1, 6, 3, 3]);
    it.each([
      [
        'channels that groups contradict',
        { ...plain, groups: 2 },
        [x, weight, bias],
        /takes 4 channels in each of 2 groups/,
      ],
      [
        'output channels that groups do not divide',
        { ...plain, groups: 4 },
        [x, floatTensor([6, 1, 3, 3]), bias],
        /6 output/,
      ],
      ['a bias of another size', plain, [x, weight, floatTensor([4])], /bias must be \[6\], it is \[4\]/],
      ['a missing bias', plain, [x, weight], /takes 3 inputs, it has 2/],
      ['a missing residual', residual, [x, weight, bias], /takes 4 inputs, it has 3/],
      ['a residual that upsampling makes too large', upsampled(2), [x, weight, bias, bias4], /upsampled by 2/],
      ['a fraction of a pixel', upsampled(1.5), [x, weight, bias, bias4], /by an integer from 1, not by 1.5/],
      ['a residual of another shape', residual, [x, weight, bias, x], /residual must be float \[1,6,3,3\]/],
      ['a window larger than the input', plain, [floatTensor([1, 4, 2, 5]), weight, bias], /height is 2 with padding/],
      ['an input of another rank', plain, [floatTensor([4, 5, 5]), weight, bias], /x must have 4 dimensions/],
      ['a stride of 0', { ...plain, strides: [1, 0] } as Conv2d, [x, weight, bias], /stride along the width/],
      ['negative padding', { ...plain, pads: [0, -1, 0, 0] } as Conv2d, [x, weight, bias], /padding must be/],
    ])('%s', (_, op, inputs, message) => {
      expect(() => conv2d.infer(op, inputs)).toThrow(ShapeError);
      expect(() => conv2d.infer(op, inputs)).toThrow(message);
    });
  });
});
