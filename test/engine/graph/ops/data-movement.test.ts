import { describe, expect, it } from 'vitest';
import type { Op } from '../../../../engine/graph/op.ts';
import { definitionOf } from '../../../../engine/graph/registry.ts';
import type { DenseTensor } from '../../../../engine/graph/types.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { int, ints, string } from '../../../support/onnx-writer.ts';
import {
  boolTensor,
  evaluate,
  expectClose,
  floatTensor,
  intTensor,
  randomTensor,
  valuesOf,
} from '../../../support/tensors.ts';

describe('concat', () => {
  it.each([0, 1, 2])('joins along axis %i as ONNX Runtime', async (axis) => {
    const shapes = [3, 1, 2].map((size) => [2, 2, 2].map((other, index) => (index === axis ? size : other)));
    const inputs = shapes.map((shape, index) => randomTensor(index, shape));
    const [expected] = await runOperator('Concat', inputs, { attributes: { axis: int(axis) } });
    expectClose(evaluate({ type: 'concat', axis }, ...inputs)[0], expected, 0);
  });

  it('joins integers with an empty tensor', () => {
    expect(valuesOf({ type: 'concat', axis: 0 }, intTensor([0]), intTensor([2]))).toEqual([0, 1]);
  });
});

describe('slice', () => {
  it('steps forwards and backwards', async () => {
    const x = randomTensor(1, [4, 7, 3]);
    const inputs = [x, [3, 1, 2], [0, 7, -9], [0, 1, 2], [-2, 3, -1]].map((data) =>
      Array.isArray(data) ? intTensor([3], data) : data,
    );
    const [expected] = await runOperator('Slice', inputs);
    expectClose(
      evaluate({ type: 'slice', starts: [3, 1, 2], sizes: [2, 2, 3], steps: [-2, 3, -1] }, x)[0],
      expected,
      0,
    );
  });

  it('may be empty', () => {
    expect(valuesOf({ type: 'slice', starts: [2], sizes: [0], steps: [1] }, intTensor([2]))).toEqual([]);
  });
});

describe('transpose', () => {
  it.each([
    [0, 2, 3, 1],
    [3, 2, 1, 0],
    [0, 1, 2, 3],
    [1, 0, 3, 2],
  ])('[%i, %i, %i, %i] as ONNX Runtime', async (...permutation) => {
    const x = randomTensor(1, [2, 3, 4, 5]);
    const [expected] = await runOperator('Transpose', [x], { attributes: { perm: ints(...permutation) } });
    expectClose(evaluate({ type: 'transpose', permutation }, x)[0], expected, 0);
  });
});

describe('reshape and expand', () => {
  it('keep the order of elements', () => {
    expect(valuesOf({ type: 'reshape', shape: [3, 2] }, intTensor([2, 3]))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(valuesOf({ type: 'reshape', shape: [] }, boolTensor([1, 1], [1]))).toEqual([1]);
  });

  it('repeat dimensions of size 1', () => {
    expect(valuesOf({ type: 'expand', shape: [2, 2, 3] }, intTensor([2, 1]))).toEqual([
      0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1,
    ]);
  });
});

describe('pad', () => {
  it('adds and removes', async () => {
    const x = randomTensor(1, [3, 4]);
    const pads = [-1, 2, 1, -3];
    const inputs = [x, intTensor([4], pads), floatTensor([], [9])];
    const [expected] = await runOperator('Pad', inputs, { attributes: { mode: string('constant') } });
    expectClose(evaluate({ type: 'pad', before: [-1, 2], after: [1, -3], value: 9 }, x)[0], expected, 0);
  });

  it('removes everything', () => {
    expect(valuesOf({ type: 'pad', before: [-1, 0], after: [-1, 2], value: 5 }, intTensor([2, 1]))).toEqual([]);
  });
});

describe('gather', () => {
  it.each([0, 1, 2])('picks slices of axis %i as ONNX Runtime', async (axis) => {
    const inputs = [randomTensor(1, [3, 3, 4]), intTensor([2, 2], [2, 0, -1, -3])];
    const [expected] = await runOperator('Gather', inputs, { attributes: { axis: int(axis) } });
    expectClose(evaluate({ type: 'gather', axis }, ...inputs)[0], expected, 0);
  });

  it('picks an element with a scalar index, as shape arithmetic does', () => {
    expect(valuesOf({ type: 'gather', axis: 0 }, intTensor([3], [5, 6, 7]), intTensor([], [-2]))).toEqual([6]);
  });

  it('refuses an index outside of the axis', () => {
    const gather = () => evaluate({ type: 'gather', axis: 0 }, intTensor([3]), intTensor([1], [3]));
    expect(gather).toThrow(ShapeError);
    expect(gather).toThrow(/index 3 is outside axis 0, which has 3 elements/);
  });
});

describe('gatherElements', () => {
  it.each([0, 1, 2])('picks elements along axis %i as ONNX Runtime', async (axis) => {
    const indices = [0, -1, 1, 1, 0, -2, 1, 0];
    const inputs = [randomTensor(1, [2, 2, 2]), intTensor([2, 2, 2], indices)];
    const [expected] = await runOperator('GatherElements', inputs, { attributes: { axis: int(axis) } });
    expectClose(evaluate({ type: 'gatherElements', axis }, ...inputs)[0], expected, 0);
  });

  it('takes indices of another length along the axis and fewer elsewhere', async () => {
    const inputs = [randomTensor(1, [3, 4]), intTensor([2, 6], [0, 3, 1, 1, 2, 0, 3, 2, 1, 0, 0, 3])];
    const [expected] = await runOperator('GatherElements', inputs, { attributes: { axis: int(1) } });
    expectClose(evaluate({ type: 'gatherElements', axis: 1 }, ...inputs)[0], expected, 0);
  });
});

describe('scatterNd', () => {
  it.each([
    [
      [4, 3],
      [2, 1],
      [2, 3],
      [3, -4],
    ],
    [
      [4, 3],
      [2, 2, 2],
      [2, 2],
      [0, 1, 3, -1, 2, 0, -3, 2],
    ],
    [
      [2, 2, 2],
      [1, 2],
      [1, 2],
      [1, 0],
    ],
  ])('data [%s], indices [%s], updates [%s]: as ONNX Runtime', async (shape, indexShape, updateShape, indices) => {
    const inputs = [randomTensor(1, shape), intTensor(indexShape, indices), randomTensor(2, updateShape)];
    const [expected] = await runOperator('ScatterND', inputs);
    expectClose(evaluate({ type: 'scatterNd' }, ...inputs)[0], expected, 0);
  });
});

describe('data movement', () => {
  const x = floatTensor([2, 3]);
  const refused: [string, Op, DenseTensor[], RegExp][] = [
    ['concat of other dimensions', { type: 'concat', axis: 1 }, [x, floatTensor([3, 3])], /input 1 is float \[3,3\]/],
    ['concat of other kinds', { type: 'concat', axis: 1 }, [x, intTensor([2, 3])], /input 1 is int \[2,3\]/],
    ['concat of another rank', { type: 'concat', axis: 1 }, [x, floatTensor([2])], /must agree with float \[2,3\]/],
    ['concat of nothing', { type: 'concat', axis: 0 }, [], /at least one input/],
    ['concat along an axis that is not there', { type: 'concat', axis: 2 }, [x], /axis 2 is outside shape \[2,3\]/],
    [
      'slice past the end',
      { type: 'slice', starts: [0, 1], sizes: [2, 3], steps: [1, 1] },
      [x],
      /axis 1 has 3 elements/,
    ],
    ['slice before the start', { type: 'slice', starts: [0, 1], sizes: [2, 3], steps: [1, -1] }, [x], /axis 1 has 3/],
    ['slice of other rank', { type: 'slice', starts: [0], sizes: [2], steps: [1] }, [x], /1 numbers for 2 axes/],
    ['transpose by no permutation', { type: 'transpose', permutation: [0, 0] }, [x], /not a permutation/],
    ['reshape to another size', { type: 'reshape', shape: [4] }, [x], /has 6 elements, which \[4\] can't hold/],
    ['reshape to a wildcard', { type: 'reshape', shape: [-1, -6] }, [x], /must be integers from 0/],
    ['expand of a dimension above 1', { type: 'expand', shape: [2, 6] }, [x], /doesn't broadcast to \[2,6\]/],
    ['expand to a smaller rank', { type: 'expand', shape: [3] }, [floatTensor([1, 3])], /doesn't broadcast/],
    [
      'pad that removes too much',
      { type: 'pad', before: [-1, 0], after: [-2, 0], value: 0 },
      [x],
      /removes 3 of the 2/,
    ],
    ['gather by floats', { type: 'gather', axis: 0 }, [x, floatTensor([1])], /indices must be int/],
    ['gatherElements of another rank', { type: 'gatherElements', axis: 0 }, [x, intTensor([1])], /2 dimensions/],
    ['gatherElements beyond the data', { type: 'gatherElements', axis: 0 }, [x, intTensor([1, 4])], /in dimension 1/],
    ['scatterNd updates', { type: 'scatterNd' }, [x, intTensor([1, 1]), floatTensor([3])], /updates must be \[1,3\]/],
    ['scatterNd indices', { type: 'scatterNd' }, [x, intTensor([1, 3]), floatTensor([1])], /don't address data/],
  ];
  it.each(refused)('refuses %s', (_, op, inputs, message) => {
    expect(() => definitionOf(op).infer(op, inputs)).toThrow(ShapeError);
    expect(() => definitionOf(op).infer(op, inputs)).toThrow(message);
  });
});
