import { describe, expect, it } from 'vitest';
import type { ConvTranspose2d } from '../../../../engine/graph/ops/conv-transpose-2d.ts';
import { convTranspose2d } from '../../../../engine/graph/ops/conv-transpose-2d.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { int, ints } from '../../../support/onnx-writer.ts';
import { evaluate, expectClose, floatTensor, randomTensor, valuesOf } from '../../../support/tensors.ts';

const plain: ConvTranspose2d = {
  type: 'convTranspose2d',
  strides: [2, 2],
  pads: [0, 0, 0, 0],
  outputPadding: [0, 0],
  dilations: [1, 1],
  groups: 1,
  epilogue: [],
};

describe('convTranspose2d', () => {
  it('stamps the kernel at every input pixel', () => {
    const x = floatTensor([1, 1, 1, 2], [1, 10]);
    const weight = floatTensor([1, 1, 2, 2], [1, 2, 3, 4]);
    expect(valuesOf(plain, x, weight, floatTensor([1], [100]))).toEqual([101, 102, 110, 120, 103, 104, 130, 140]);
  });

  it.each([
    {
      x: [2, 3, 4, 5],
      w: [3, 4, 2, 2],
      strides: [2, 2],
      pads: [0, 0, 0, 0],
      extra: [0, 0],
      dilations: [1, 1],
      groups: 1,
    },
    {
      x: [1, 4, 3, 3],
      w: [4, 3, 3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      extra: [1, 1],
      dilations: [1, 1],
      groups: 2,
    },
    {
      x: [1, 2, 5, 1],
      w: [2, 3, 4, 3],
      strides: [3, 1],
      pads: [2, 0, 1, 1],
      extra: [2, 0],
      dilations: [1, 2],
      groups: 1,
    },
    {
      x: [1, 4, 1, 1],
      w: [4, 1, 5, 5],
      strides: [1, 1],
      pads: [2, 2, 2, 2],
      extra: [0, 0],
      dilations: [1, 1],
      groups: 4,
    },
  ] as const)('equals ONNX Runtime: $x, kernel $w, strides $strides, pads $pads, groups $groups', async (test) => {
    const { strides, pads, dilations, groups, extra } = test;
    const bias = randomTensor(3, [test.w[1] * groups]);
    const inputs = [randomTensor(1, test.x), randomTensor(2, test.w), bias];
    const [expected] = await runOperator('ConvTranspose', inputs, {
      attributes: {
        kernel_shape: ints(test.w[2], test.w[3]),
        strides: ints(...strides),
        pads: ints(...pads),
        output_padding: ints(...extra),
        dilations: ints(...dilations),
        group: int(groups),
      },
    });
    const [actual] = evaluate({ ...plain, strides, pads, dilations, groups, outputPadding: extra }, ...inputs);
    expectClose(actual, expected, 1e-6);
  });

  it('adds a residual in the epilogue', () => {
    const op: ConvTranspose2d = { ...plain, strides: [1, 1], epilogue: [{ name: 'addResidual', scale: -1 }] };
    const x = floatTensor([1, 1, 1, 2], [1, 2]);
    expect(valuesOf(op, x, floatTensor([1, 1, 1, 1], [3]), floatTensor([1], [0]), x)).toEqual([2, 4]);
  });

  it('counts a product and a sum for each weight and input element', () => {
    const inputs = [floatTensor([1, 3, 4, 5]), floatTensor([3, 7, 2, 2]), floatTensor([7])];
    const outputs = convTranspose2d.infer(plain, inputs);
    expect(convTranspose2d.cost(plain, inputs, outputs)).toEqual({ flops: 2 * 3 * 4 * 5 * 7 * 2 * 2 });
  });

  it.each([
    [
      'input channels that the weight does not have',
      plain,
      [[1, 4, 2, 2], [3, 2, 2, 2], [2]],
      /takes 3 channels, x has 4/,
    ],
    [
      'groups that do not divide',
      { ...plain, groups: 2 },
      [[1, 3, 2, 2], [3, 2, 2, 2], [4]],
      /don't divide into 2 groups/,
    ],
    ['a bias of another size', { ...plain, groups: 2 }, [[1, 4, 2, 2], [4, 2, 2, 2], [2]], /bias must be \[4\]/],
    [
      'padding that leaves nothing',
      { ...plain, pads: [1, 1, 1, 1] },
      [[1, 1, 1, 1], [1, 1, 2, 2], [1]],
      /leaves nothing/,
    ],
  ])('refuses %s', (_, op, shapes, message) => {
    const infer = () =>
      convTranspose2d.infer(
        op as ConvTranspose2d,
        shapes.map((shape) => floatTensor(shape)),
      );
    expect(infer).toThrow(ShapeError);
    expect(infer).toThrow(message);
  });
});
