import { describe, expect, test } from 'vitest';
import { int, ints, string } from '../../support/onnx-writer.ts';
import { agrees, fed, importModel, modelOf, weights } from './operator-case.ts';

describe('Conv', () => {
  agrees('without bias', { operator: 'Conv', inputs: [fed([2, 3, 5, 7]), weights([4, 3, 3, 3])] });
  agrees('with bias, strides, uneven padding and dilations', {
    operator: 'Conv',
    opset: 11,
    inputs: [fed([1, 2, 9, 8]), weights([3, 2, 2, 3]), weights([3], 4)],
    attributes: { strides: ints(2, 1), pads: ints(1, 0, 2, 3), dilations: ints(2, 1), kernel_shape: ints(2, 3) },
  });
  agrees('in groups', {
    operator: 'Conv',
    inputs: [fed([1, 4, 4, 4]), weights([6, 2, 3, 3])],
    attributes: { group: int(2), pads: ints(1, 1, 1, 1) },
  });
  for (const mode of ['SAME_UPPER', 'SAME_LOWER', 'VALID']) {
    agrees(`auto_pad ${mode}`, {
      operator: 'Conv',
      inputs: [fed([1, 2, 7, 8]), weights([2, 2, 3, 4])],
      attributes: { auto_pad: string(mode), strides: ints(2, 2) },
    });
  }

  test('over one dimension is refused by name', () => {
    const model = modelOf({ operator: 'Conv', inputs: [fed([1, 2, 9]), weights([3, 2, 3])] });
    expect(() => importModel(model)).toThrow(/1 node that can't run: "node" \(Conv\): .*1 spatial dimension/);
  });

  test('of the wrong width names the node', () => {
    const model = modelOf({ operator: 'Conv', inputs: [fed([1, 5, 9, 9]), weights([3, 2, 3, 3])] });
    expect(() => importModel(model)).toThrow(/test\.onnx: node "node" \(Conv\): .*\[3,2,3,3\]/);
  });
});

describe('ConvTranspose', () => {
  const inputs = [fed([1, 3, 4, 5]), weights([3, 2, 2, 2]), weights([2], 6)];
  agrees('doubling', { operator: 'ConvTranspose', inputs, attributes: { strides: ints(2, 2) } });
  agrees('with padding and output padding', {
    operator: 'ConvTranspose',
    inputs: [fed([1, 3, 4, 5]), weights([3, 2, 3, 3])],
    attributes: { strides: ints(2, 2), pads: ints(1, 1, 1, 1), output_padding: ints(1, 1) },
  });
  agrees('in groups', {
    operator: 'ConvTranspose',
    inputs: [fed([1, 4, 3, 3]), weights([4, 1, 3, 3])],
    attributes: { group: int(2), dilations: ints(2, 1) },
  });
  agrees('with an output shape', {
    operator: 'ConvTranspose',
    inputs: [fed([1, 3, 4, 5]), weights([3, 2, 3, 3])],
    attributes: { strides: ints(2, 2), output_shape: ints(8, 10) },
  });
  for (const mode of ['SAME_UPPER', 'SAME_LOWER']) {
    agrees(`auto_pad ${mode}`, {
      operator: 'ConvTranspose',
      inputs: [fed([1, 3, 4, 5]), weights([3, 2, 3, 3])],
      attributes: { strides: ints(2, 2), auto_pad: string(mode) },
    });
  }
});

describe('matrix products', () => {
  agrees('MatMul in batches', { operator: 'MatMul', inputs: [fed([2, 1, 3, 4]), weights([5, 4, 2])] });
  agrees('MatMul of a vector and matrices', { operator: 'MatMul', inputs: [fed([4]), weights([3, 4, 2])] });
  agrees('MatMul of a matrix and a vector', { operator: 'MatMul', inputs: [fed([3, 4]), weights([4])] });
  agrees('MatMul of vectors', { operator: 'MatMul', inputs: [fed([4]), weights([4])] });
  agrees('Gemm without a sum', { operator: 'Gemm', inputs: [fed([3, 4]), weights([4, 2])] });
  agrees('Gemm transposed', {
    operator: 'Gemm',
    inputs: [fed([4, 3]), weights([2, 4]), weights([2], 3)],
    attributes: { transA: int(1), transB: int(1) },
  });
});
