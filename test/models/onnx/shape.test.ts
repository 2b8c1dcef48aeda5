import { describe, expect, test } from 'vitest';
import { float, floats, int, ints, tensor } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, given, importModel, int64s, modelOf, scalar } from './operator-case.ts';

describe('Reshape', () => {
  agrees('to stated sizes', { operator: 'Reshape', inputs: [fed([2, 6]), int64s(3, 4)] });
  agrees('with an open size', { operator: 'Reshape', inputs: [fed([2, 3, 4]), int64s(4, -1)] });
  agrees('copying a size', { operator: 'Reshape', inputs: [fed([2, 3, 4]), int64s(0, -1)] });
  agrees('to the same shape', { operator: 'Reshape', inputs: [fed([2, 3]), int64s(2, 3)] });

  test('that does not fit is an error of the file', () => {
    const model = modelOf({ operator: 'Reshape', inputs: [fed([2, 3]), int64s(4, -1)] });
    expect(() => importModel(model)).toThrow(/"node" \(Reshape\): \[2,3\] doesn't reshape to \[4,-1\]/);
  });

  test('to a shape computed from the data is refused', () => {
    const model = modelOf({ operator: 'Reshape', inputs: [fed([2, 3]), given('int64', [1], [6])] });
    expect(() => importModel(model)).toThrow(/"node" \(Reshape\): input 1 .* depends on the data/);
  });
});

describe('dimensions', () => {
  agrees('Flatten', { operator: 'Flatten', inputs: [fed([2, 3, 4])] });
  agrees('Flatten from the last axis', {
    operator: 'Flatten',
    inputs: [fed([2, 3, 4])],
    attributes: { axis: int(-1) },
  });
  agrees('Flatten from 0', { operator: 'Flatten', inputs: [fed([2, 3, 4])], attributes: { axis: int(0) } });
  agrees('Squeeze by attribute', {
    operator: 'Squeeze',
    opset: 11,
    inputs: [fed([1, 3, 1])],
    attributes: { axes: ints(-1) },
  });
  agrees('Squeeze by input', { operator: 'Squeeze', inputs: [fed([1, 3, 1]), int64s(0)] });
  agrees('Squeeze of all', { operator: 'Squeeze', inputs: [fed([1, 3, 1])] });
  agrees('Unsqueeze by attribute', {
    operator: 'Unsqueeze',
    opset: 12,
    inputs: [fed([2, 3])],
    attributes: { axes: ints(0, 3) },
  });
  agrees('Unsqueeze by input', { operator: 'Unsqueeze', inputs: [fed([2, 3]), int64s(-1, 1)] });
  agrees('Expand', { operator: 'Expand', inputs: [fed([3, 1]), int64s(2, 1, 4)] });
  agrees('Expand by ones', { operator: 'Expand', inputs: [fed([3, 4]), int64s(1, 1)] });
});

describe('constants', () => {
  agrees('Shape', { operator: 'Shape', inputs: [fed([2, 3, 4])], outputs: ['int64'] });
  agrees('Shape in part', {
    operator: 'Shape',
    inputs: [fed([2, 3, 4])],
    attributes: { start: int(-2), end: int(-1) },
    outputs: ['int64'],
  });
  agrees('Size', { operator: 'Size', inputs: [fed([2, 3, 4])], outputs: ['int64'] });
  agrees('ConstantOfShape', { operator: 'ConstantOfShape', inputs: [int64s(2, 3)] });
  agrees('ConstantOfShape of a value', {
    operator: 'ConstantOfShape',
    inputs: [int64s(3)],
    attributes: { value: tensor({ type: 'int64', dims: [1], data: [7] }) },
    outputs: ['int64'],
  });
  agrees('Range of integers', {
    operator: 'Range',
    inputs: [scalar('int64', 2), scalar('int64', 11), scalar('int64', 3)],
    outputs: ['int64'],
  });
  agrees('Range of floats downwards', {
    operator: 'Range',
    inputs: [scalar('float32', 1), scalar('float32', -1), scalar('float32', -0.5)],
  });
  agrees('Constant of a float', { operator: 'Constant', inputs: [], attributes: { value_float: float(1.5) } });
  agrees('Constant of floats', { operator: 'Constant', inputs: [], attributes: { value_floats: floats(1.5, 2) } });
  agrees('Constant of integers', {
    operator: 'Constant',
    inputs: [],
    attributes: { value_ints: ints(1, 2) },
    outputs: ['int64'],
  });
  agrees('Constant of float16', {
    operator: 'Constant',
    inputs: [],
    attributes: { value: tensor({ type: 'float16', dims: [2], data: [0.5, 3] }) },
    outputs: ['float16'],
  });
  agrees('Identity', { operator: 'Identity', inputs: [fed([3])] });

  test('integers beyond 32 bits saturate', () => {
    const model = modelOf({
      operator: 'Constant',
      inputs: [],
      attributes: { value_ints: ints(2n ** 40n, -(2n ** 62n)) },
      outputs: ['int64'],
    });
    expect(importModel(model).outputs[0].constant).toEqual(Int32Array.of(2 ** 31 - 1, -(2 ** 31)));
  });

  test('a large constant of one value is kept as that value', () => {
    const model = modelOf({ operator: 'ConstantOfShape', inputs: [int64s(1000, 1000)] });
    const graph = importModel(model);
    expect(graph.nodes.map(({ op }) => op.type)).toEqual(['expand']);
    expect(graph.outputs[0].shape).toEqual([1000, 1000]);
  });

  test('a range without end is an error of the file', () => {
    const bounds = [scalar('int64', 0), scalar('int64', 10), scalar('int64', 0)];
    const model = modelOf({ operator: 'Range', inputs: bounds, outputs: ['int64'] });
    expect(() => importModel(model)).toThrow(/from 0 to 10 in steps of 0 is no range/);
  });
});

test('shape arithmetic leaves no trace', () => {
  const graph = importModel({
    inputs: [{ name: 'x', type: 'float32', dims: [1, 6, 4, 5] }],
    outputs: [{ name: 'y', type: 'float32' }],
    initializers: [
      { name: 'zero', type: 'int64', dims: [], data: [0] },
      { name: 'rest', type: 'int64', dims: [1], data: [-1] },
      { name: 'axis', type: 'int64', dims: [1], data: [0] },
    ],
    nodes: [
      { operator: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { operator: 'Gather', inputs: ['shape', 'zero'], outputs: ['batch'] },
      { operator: 'Unsqueeze', inputs: ['batch', 'axis'], outputs: ['batches'] },
      { operator: 'Concat', inputs: ['batches', 'rest'], outputs: ['target'], attributes: { axis: int(0) } },
      { operator: 'Reshape', inputs: ['x', 'target'], outputs: ['y'] },
    ],
  });
  expect(graph.nodes).toHaveLength(1);
  expect(graph.outputs[0]).toMatchObject({ name: 'y', shape: [1, 120] });
});

test('a constant and its element types', () => {
  for (const [type, kind] of [
    ['int8', 'float'],
    ['uint16', 'float'],
    ['int32', 'int'],
    ['uint64', 'int'],
    ['bool', 'bool'],
    ['bfloat16', 'float'],
  ] as const) {
    const value = constant(type, [2], [1, 0]);
    const graph = importModel(modelOf({ operator: 'Identity', inputs: [value], outputs: [type] }));
    expect(graph.outputs[0]).toMatchObject({ kind, name: 'output0' });
    expect(Array.from(graph.outputs[0].constant ?? [])).toEqual([1, 0]);
  }
});
