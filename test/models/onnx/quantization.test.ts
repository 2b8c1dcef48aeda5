import { describe, expect, test } from 'vitest';
import { executeReference } from '../../../engine/graph/execute.ts';
import { float, int, ints } from '../../support/onnx-writer.ts';
import { randomInteger, seeded } from '../../support/random.ts';
import {
  agrees,
  type CaseInput,
  constant,
  fed,
  given,
  importModel,
  modelOf,
  scalar,
  weights,
} from './operator-case.ts';

const ranges = { int8: [-128, 127], uint8: [0, 255], int32: [-9000, 9000] } as const;

/** Integers over the whole range of a type. */
function integers(type: keyof typeof ranges, dims: readonly number[], seed = 1): CaseInput {
  const next = seeded(seed);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const [minimum, maximum] = ranges[type];
  return given(
    type,
    dims,
    Int32Array.from({ length: count }, () => randomInteger(next, minimum, maximum)),
  );
}

const fixed = (input: CaseInput): CaseInput => ({ ...input, constant: true });
const scale = (number: number) => scalar('float32', number);
const zero = (type: 'int8' | 'uint8', number = 0) => scalar(type, number);
const channelScales = constant('float32', [3], [0.01, 0.05, 0.02]);

/** A result may fall on the other side of a tie: integers differ by at most one. */
const oneStep = { tolerance: 1 };

describe('QuantizeLinear and DequantizeLinear', () => {
  for (const type of ['int8', 'uint8'] as const) {
    agrees(`to ${type}`, {
      operator: 'QuantizeLinear',
      inputs: [fed([4, 5], { scale: 3 }), scale(0.02), zero(type, 10)],
      outputs: [type],
    });
    agrees(`from ${type}`, {
      operator: 'DequantizeLinear',
      inputs: [integers(type, [4, 5]), scale(0.02), zero(type, 10)],
    });
    agrees(`to ${type} for each channel`, {
      operator: 'QuantizeLinear',
      inputs: [fed([2, 3, 4], { scale: 3 }), channelScales, constant(type, [3], [0, 5, 9])],
      outputs: [type],
    });
    agrees(`from ${type} for each channel`, {
      operator: 'DequantizeLinear',
      inputs: [integers(type, [2, 3, 4]), channelScales, constant(type, [3], [0, 5, 9])],
    });
  }
  agrees('rounds halves to even and saturates', {
    operator: 'QuantizeLinear',
    inputs: [given('float32', [7], [0.5, 1.5, 2.5, -0.5, -1.5, 300, -300]), scale(1), zero('int8')],
    outputs: ['int8'],
  });
  agrees('quantizes to uint8 without a zero point', {
    operator: 'QuantizeLinear',
    inputs: [given('float32', [3], [-1, 7.3, 700]), scale(0.5)],
    outputs: ['uint8'],
  });
  agrees('dequantizes a bias of int32', {
    operator: 'DequantizeLinear',
    inputs: [fixed(integers('int32', [5])), scale(0.001)],
  });
  agrees('dequantizes weights along their axis', {
    operator: 'DequantizeLinear',
    inputs: [fixed(integers('int8', [3, 2, 2])), channelScales, constant('int8', [3], [0, -3, 7])],
    attributes: { axis: int(0) },
  });

  test('weights become a constant, whatever their size', () => {
    const large = constant('int8', [300, 300], new Int8Array(90000).fill(3));
    const graph = importModel(modelOf({ operator: 'DequantizeLinear', inputs: [large, scale(0.5)] }));
    expect(graph.nodes).toHaveLength(0);
    expect(graph.outputs[0].constant?.[77]).toBe(1.5);
  });

  test('a scale of zero is an error of the file', () => {
    const model = modelOf({ operator: 'DequantizeLinear', inputs: [integers('int8', [3]), scale(0)] });
    expect(() => importModel(model)).toThrow(/its scale "input1" is not a positive number/);
  });
});

describe('QLinear operators', () => {
  const x = [integers('uint8', [1, 3, 6, 6]), scale(0.02), zero('uint8', 120)] as const;
  const y = [scale(0.04), zero('uint8', 110)] as const;
  agrees('QLinearConv', {
    operator: 'QLinearConv',
    inputs: [...x, fixed(integers('int8', [4, 3, 3, 3])), scale(0.003), zero('int8'), ...y],
    attributes: { pads: ints(1, 1, 1, 1), strides: ints(2, 1) },
    outputs: ['uint8'],
    ...oneStep,
  });
  agrees('QLinearConv with bias and a scale for each channel', {
    operator: 'QLinearConv',
    inputs: [
      ...x,
      fixed(integers('int8', [3, 1, 3, 3])),
      channelScales,
      constant('int8', [3], [0, 0, 0]),
      ...y,
      fixed(integers('int32', [3], 5)),
    ],
    attributes: { group: int(3) },
    outputs: ['uint8'],
    ...oneStep,
  });
  agrees('QLinearMatMul', {
    operator: 'QLinearMatMul',
    inputs: [
      integers('uint8', [2, 3, 4]),
      scale(0.02),
      zero('uint8', 120),
      fixed(integers('uint8', [2, 4, 3], 3)),
      scale(0.01),
      zero('uint8', 100),
      ...y,
    ],
    outputs: ['uint8'],
    ...oneStep,
  });
});

describe('operators of com.microsoft', () => {
  const domain = 'com.microsoft';
  const a = [integers('int8', [1, 2, 4, 4]), scale(0.05), zero('int8', 3)] as const;
  const b = [integers('int8', [1, 2, 4, 4], 7), scale(0.02), zero('int8', -9)] as const;
  const y = [scale(0.06), zero('int8', 5)] as const;
  for (const operator of ['QLinearAdd', 'QLinearMul']) {
    agrees(operator, { operator, domain, inputs: [...a, ...b, ...y], outputs: ['int8'], ...oneStep });
  }
  agrees('QLinearSigmoid', {
    operator: 'QLinearSigmoid',
    domain,
    inputs: [...a, scale(1 / 256), zero('int8', -128)],
    outputs: ['int8'],
    ...oneStep,
  });
  agrees('QLinearLeakyRelu', {
    operator: 'QLinearLeakyRelu',
    domain,
    inputs: [...a, ...y],
    attributes: { alpha: float(0.1) },
    outputs: ['int8'],
    ...oneStep,
  });
  agrees('QLinearSoftmax', {
    operator: 'QLinearSoftmax',
    domain,
    inputs: [integers('uint8', [2, 5]), scale(0.02), zero('uint8', 3), scale(1 / 256), zero('uint8')],
    attributes: { axis: int(-1), opset: int(13) },
    outputs: ['uint8'],
    ...oneStep,
  });
  agrees('QLinearAveragePool', {
    operator: 'QLinearAveragePool',
    domain,
    inputs: [...a, ...y],
    attributes: { kernel_shape: ints(2, 2), strides: ints(1, 2) },
    outputs: ['int8'],
    ...oneStep,
  });
  agrees('QLinearGlobalAveragePool', {
    operator: 'QLinearGlobalAveragePool',
    domain,
    inputs: [...a, ...y],
    attributes: { channels_last: int(0) },
    outputs: ['int8'],
    ...oneStep,
  });
  agrees('QLinearConcat', {
    operator: 'QLinearConcat',
    domain,
    inputs: [...y, ...a, ...b],
    attributes: { axis: int(1) },
    outputs: ['int8'],
    ...oneStep,
  });
});

describe('dynamic quantization', () => {
  agrees('ConvInteger', {
    operator: 'ConvInteger',
    inputs: [
      integers('uint8', [1, 2, 5, 5]),
      fixed(integers('uint8', [3, 2, 3, 3])),
      zero('uint8', 7),
      zero('uint8', 90),
    ],
    attributes: { pads: ints(1, 1, 1, 1) },
    outputs: ['int32'],
  });
  agrees('MatMulInteger', {
    operator: 'MatMulInteger',
    inputs: [integers('uint8', [4, 6]), fixed(integers('int8', [6, 3])), zero('uint8', 11)],
    outputs: ['int32'],
  });

  test('leaves activations as they are and gives real weights', () => {
    const x = fed([1, 2, 4, 4]);
    const graph = importModel({
      inputs: [{ name: 'x', ...x }],
      outputs: [{ name: 'y', type: 'float32' }],
      initializers: [
        { name: 'w', type: 'int8', dims: [1, 2, 1, 1], data: [100, -50] },
        { name: 'wScale', type: 'float32', dims: [], data: [0.01] },
        { name: 'bias', type: 'float32', dims: [1, 1, 1, 1], data: [0.25] },
      ],
      nodes: [
        { operator: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['xq', 'xScale', 'xZero'] },
        { operator: 'Mul', inputs: ['xScale', 'wScale'], outputs: ['scale'] },
        { operator: 'ConvInteger', inputs: ['xq', 'w', 'xZero'], outputs: ['sums'] },
        { operator: 'Cast', inputs: ['sums'], outputs: ['floats'], attributes: { to: int(1) } },
        { operator: 'Mul', inputs: ['floats', 'scale'], outputs: ['scaled'] },
        { operator: 'Add', inputs: ['scaled', 'bias'], outputs: ['y'] },
      ],
    });
    const [y] = executeReference(
      graph,
      new Map([['x', { kind: 'float', shape: x.dims, data: Float32Array.from(x.data) }]]),
    );
    const expected = Array.from({ length: 16 }, (_, i) => x.data[i] - 0.5 * x.data[16 + i] + 0.25);
    expected.forEach((value, i) => {
      expect(y.data[i]).toBeCloseTo(value, 5);
    });
  });
});

test('moving integers keeps their type', () => {
  const graph = importModel({
    inputs: [{ name: 'x', type: 'int8', dims: [1, 2, 2] }],
    outputs: [{ name: 'y', type: 'int8' }],
    initializers: [
      { name: 'shape', type: 'int64', dims: [1], data: [4] },
      { name: 'b', type: 'int8', dims: [4], data: [100, 100, 100, 100] },
    ],
    nodes: [
      { operator: 'Reshape', inputs: ['x', 'shape'], outputs: ['flat'] },
      { operator: 'Add', inputs: ['flat', 'b'], outputs: ['y'] },
    ],
  });
  const x = { kind: 'float', shape: [1, 2, 2], data: Float32Array.of(0, 27, 28, 127) } as const;
  const [y] = executeReference(graph, new Map([['x', x]]));
  expect(Array.from(y.data)).toEqual([100, 127, -128, -29]);
});

test('products of int8 tensors are refused', () => {
  const model = modelOf({ operator: 'Mul', inputs: [integers('int8', [3]), integers('int8', [3])], outputs: ['int8'] });
  expect(() => importModel(model)).toThrow(/arithmetic on int8 tensors is limited to sums and differences/);
});

test('a scale that depends on the data is refused', () => {
  const model = modelOf({ operator: 'QuantizeLinear', inputs: [fed([3]), { ...weights([]), constant: false }] });
  expect(() => importModel(model)).toThrow(/input 1 \("input1"\) depends on the data/);
});
