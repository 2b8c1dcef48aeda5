import { describe, expect, it } from 'vitest';
import type { Op } from '../../../../engine/graph/op.ts';
import type { Reduce } from '../../../../engine/graph/ops/reduce.ts';
import { definitionOf } from '../../../../engine/graph/registry.ts';
import type { DenseTensor } from '../../../../engine/graph/types.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { int } from '../../../support/onnx-writer.ts';
import {
  boolTensor,
  evaluate,
  expectClose,
  floatTensor,
  intTensor,
  randomTensor,
  valuesOf,
} from '../../../support/tensors.ts';

describe('reduce', () => {
  it.each([
    ['ReduceSum', 'sum'],
    ['ReduceMean', 'mean'],
    ['ReduceMax', 'maximum'],
    ['ReduceMin', 'minimum'],
    ['ReduceProd', 'product'],
  ] as const)('%s as ONNX Runtime', async (operator, name) => {
    const x = randomTensor(1, [3, 4, 5]);
    for (const axes of [[0], [1], [2], [0, 2], [0, 1, 2]]) {
      for (const keepDims of [true, false]) {
        const [expected] = await runOperator(operator, [x, intTensor([axes.length], axes)], {
          attributes: { keepdims: int(keepDims ? 1 : 0) },
          opset: 18,
        });
        expectClose(evaluate({ type: 'reduce', function: name, axes, keepDims }, x)[0], expected, 1e-6);
      }
    }
  });

  it('sums integers', () => {
    const op: Reduce = { type: 'reduce', function: 'sum', axes: [0], keepDims: false };
    expect(valuesOf(op, intTensor([2, 3]))).toEqual([3, 5, 7]);
    expect(valuesOf(op, intTensor([0]))).toEqual([0]);
  });
});

describe('softmax', () => {
  it.each([0, 1, 2])('axis %i as ONNX Runtime', async (axis) => {
    const x = randomTensor(1, [3, 4, 5], 20);
    const [expected] = await runOperator('Softmax', [x], { attributes: { axis: int(axis) } });
    expectClose(evaluate({ type: 'softmax', axis }, x)[0], expected, 1e-6);
  });

  it('bears large numbers', () => {
    expect(valuesOf({ type: 'softmax', axis: 0 }, floatTensor([2], [1e4, 1e4]))).toEqual([0.5, 0.5]);
  });
});

describe('matMul', () => {
  it.each([
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [5, 4, 2],
    ],
    [
      [3, 4],
      [2, 2, 4, 1],
    ],
    [
      [1, 1, 7],
      [7, 1],
    ],
  ])('[%s] by [%s] as ONNX Runtime', async (shapeA, shapeB) => {
    const inputs = [randomTensor(1, shapeA), randomTensor(2, shapeB)];
    const [expected] = await runOperator('MatMul', inputs);
    expectClose(evaluate({ type: 'matMul' }, ...inputs)[0], expected, 1e-6);
  });

  it('counts a product and a sum for each term', () => {
    const inputs = [floatTensor([2, 3, 4]), floatTensor([4, 5])];
    const definition = definitionOf({ type: 'matMul' });
    const outputs = definition.infer({ type: 'matMul' }, inputs);
    expect(definition.cost({ type: 'matMul' }, inputs, outputs)).toEqual({ flops: 2 * 2 * 3 * 4 * 5 });
  });
});

describe('topK', () => {
  it.each([
    [0, true],
    [1, true],
    [1, false],
    [2, true],
  ])('along axis %i, largest %s: as ONNX Runtime', async (axis, largest) => {
    // Few different values, so that there are ties.
    const { data } = randomTensor(1, [3, 6, 4], 3);
    const x = floatTensor([3, 6, 4], data.map(Math.round));
    const [values, indices] = await runOperator('TopK', [x, intTensor([1], [3])], {
      attributes: { axis: int(axis), largest: int(largest ? 1 : 0), sorted: int(1) },
      outputs: ['float32', 'int64'],
    });
    const actual = evaluate({ type: 'topK', axis, k: 3, largest }, x);
    expectClose(actual[0], values, 0);
    expectClose(actual[1], indices, 0);
  });

  it('puts the lower index first among equals', () => {
    const x = floatTensor([5], [1, 2, 2, 1, 2]);
    const [values, indices] = evaluate({ type: 'topK', axis: 0, k: 4, largest: true }, x);
    expect(Array.from(values.data)).toEqual([2, 2, 2, 1]);
    expect(Array.from(indices.data)).toEqual([1, 2, 4, 0]);
  });
});

describe('reductions', () => {
  const x = floatTensor([2, 3]);
  const refused: [string, Op, DenseTensor[], RegExp][] = [
    ['axes out of order', { type: 'reduce', function: 'sum', axes: [1, 0], keepDims: true }, [x], /must ascend/],
    ['an axis outside', { type: 'reduce', function: 'sum', axes: [2], keepDims: true }, [x], /axis 2 is outside/],
    [
      'booleans',
      { type: 'reduce', function: 'sum', axes: [0], keepDims: true },
      [boolTensor([1], [1])],
      /float or int/,
    ],
    [
      'the mean of integers',
      { type: 'reduce', function: 'mean', axes: [0], keepDims: true },
      [intTensor([1])],
      /float/,
    ],
    [
      'the maximum of nothing',
      { type: 'reduce', function: 'maximum', axes: [0], keepDims: true },
      [floatTensor([0])],
      /no elements/,
    ],
    ['softmax of integers', { type: 'softmax', axis: 0 }, [intTensor([2])], /must be float/],
    ['vectors', { type: 'matMul' }, [floatTensor([3]), floatTensor([3, 2])], /2 or more dimensions/],
    ['matrices that do not meet', { type: 'matMul' }, [x, x], /has 3 columns, which must equal the rows/],
    [
      'batches that do not broadcast',
      { type: 'matMul' },
      [floatTensor([2, 1, 1]), floatTensor([3, 1, 1])],
      /broadcast/,
    ],
    ['more than there is', { type: 'topK', axis: 1, k: 4, largest: true }, [x], /k is 4, axis 1 of \[2,3\] has 3/],
  ];
  it.each(refused)('refuse %s', (_, op, inputs, message) => {
    expect(() => definitionOf(op).infer(op, inputs)).toThrow(ShapeError);
    expect(() => definitionOf(op).infer(op, inputs)).toThrow(message);
  });
});
