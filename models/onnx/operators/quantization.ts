import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { type Importer, isConstant, type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';
import { dequantize, type QuantizationInputs, quantize, typeOfZeroPoint } from '../quantized.ts';
import { convolve } from './convolution.ts';
import { multiplyMatrices } from './matrix.ts';
import { concatenate } from './movement.ts';
import { averagePool, globalPool } from './pooling.ts';

/**
 * The quantised dialects, run in floats: integer operators are written as dequantise, compute, quantise, with the rounding
 * and saturation of the integers they would give.
 */
export const quantization: OperatorTable = {
  QuantizeLinear: (node) => [
    quantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, axisAttribute(node), typeOfZeroPoint(node, 2)),
  ],
  DequantizeLinear: (node) => [dequantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, axisAttribute(node))],
  DynamicQuantizeLinear: dynamicQuantize,
  ConvInteger: (node) => {
    const x = withoutZeroPoint(node, node.input(0), 2, 'x');
    return [convolve(node, x, withoutZeroPoint(node, node.input(1), 3, 'weight'), undefined)];
  },
  MatMulInteger: (node) => {
    const a = withoutZeroPoint(node, node.input(0), 2, 'a');
    return [multiplyMatrices(node, a, withoutZeroPoint(node, node.input(1), 3, 'b'))];
  },
  QLinearConv: (node) => {
    const x = dequantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, noAxis, 'x');
    const weight = dequantize(node, node.input(3), { scale: 4, zeroPoint: 5 }, () => 0, 'weight');
    const bias = node.optional(8) && scaledBias(node, node.input(8));
    const result = convolve(node, x, weight, bias, 'convolution');
    return [quantize(node, result, { scale: 6, zeroPoint: 7 }, noAxis, typeOfZeroPoint(node, 7))];
  },
  QLinearMatMul: (node) => {
    const a = dequantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, noAxis, 'a');
    const b = dequantize(node, node.input(3), { scale: 4, zeroPoint: 5 }, (value) => value.shape.length - 1, 'b');
    const product = multiplyMatrices(node, a, b, 'product');
    return [quantize(node, product, { scale: 6, zeroPoint: 7 }, noAxis, typeOfZeroPoint(node, 7))];
  },
};

/** ONNX Runtime's own domain, com.microsoft. */
export const microsoft: OperatorTable = {
  QuantizeLinear: quantization.QuantizeLinear,
  DequantizeLinear: quantization.DequantizeLinear,
  QLinearAdd: quantizedBinary('add'),
  QLinearMul: quantizedBinary('multiply'),
  QLinearSigmoid: quantizedUnary((node, x) => node.unary('sigmoid', x, 'sigmoid')),
  QLinearLeakyRelu: quantizedUnary((node, x) =>
    node.unary({ name: 'leakyRelu', alpha: node.float('alpha', 0.01) }, x, 'leaky-relu'),
  ),
  QLinearSoftmax: quantizedUnary((node, x) => {
    const axis = node.axis(node.int('axis', -1), x.shape.length);
    const last = x.shape.slice(axis + 1).every((size) => size === 1);
    if (node.int('opset', 13) < 13 && !last) {
      throw new UnsupportedOperator('the softmax of opsets before 13 is supported over the last axis only');
    }
    return node.apply({ type: 'softmax', axis }, [x], 'softmax');
  }),
  QLinearAveragePool: quantizedUnary((node, x) => averagePool(channelsFirst(node), x, 'average')),
  QLinearGlobalAveragePool: quantizedUnary((node, x) => globalPool(channelsFirst(node), x, 'mean', 'average')),
  QLinearConcat: quantizedConcat,
};

/** For scales that are one number by definition of the operator. */
function noAxis(x: Value): number {
  throw new ShapeError(`"${x.name}" must have one scale`);
}

function axisAttribute(node: NodeReader): (x: Value) => number {
  if (node.int('block_size', 0) !== 0) throw new UnsupportedOperator('scales for blocks of a tensor are not supported');
  return (x) => (x.shape.length === 0 ? 0 : node.axis(node.int('axis', 1), x.shape.length));
}

/**
 * Treated as exact: the tensor stays float, with a scale of 1 and a zero point of 0. Quantising activations by their own
 * range is a device of integer runtimes; in floats it would only lose accuracy.
 */
function dynamicQuantize(node: NodeReader): Value[] {
  return [node.input(0), node.floats('scale', [], [1]), node.floats('zero-point', [], [0])];
}

/** x - zero point, where that isn't 0. Zero points of a weight are one number or one for each output channel (axis 0). */
function withoutZeroPoint(node: NodeReader, x: Value, index: number, label: string): Value {
  if (!node.optional(index)) return x;
  const zeroPoint = node.constant(index);
  if (zeroPoint.constant.every((zero) => zero === 0)) return x;
  if (zeroPoint.constant.length > 1 && label !== 'weight') {
    throw new UnsupportedOperator('a zero point for each row is not supported');
  }
  const count = zeroPoint.constant.length;
  const shape = count === 1 ? [] : [count, ...x.shape.slice(1).map(() => 1)];
  return node.binary('subtract', x, node.floats(`${label}-zero-point`, shape, zeroPoint.constant), label);
}

/** The bias of a quantised convolution: integers in units of the product of the scales of input and weight. */
function scaledBias(node: NodeReader, bias: Value): Value {
  if (!isConstant(bias)) throw new UnsupportedOperator('a bias that depends on the data is not supported');
  const xScale = node.scalar(1);
  const weightScales = node.constant(4).constant;
  const scaleOf = (channel: number) => xScale * weightScales[weightScales.length === 1 ? 0 : channel];
  return node.floats(
    'bias',
    bias.shape,
    Array.from(bias.constant, (integer, channel) => integer * scaleOf(channel)),
  );
}

/** Inputs: a, its scale and zero point, b, its scale and zero point, and the output's. */
function quantizedBinary(fn: 'add' | 'multiply'): Importer {
  return (node) => {
    const a = dequantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, noAxis, 'a');
    const b = dequantize(node, node.input(3), { scale: 4, zeroPoint: 5 }, noAxis, 'b');
    const result = node.binary(fn, a, b, fn);
    return [quantize(node, result, { scale: 6, zeroPoint: 7 }, noAxis, typeOfZeroPoint(node, 7))];
  };
}

/** Inputs: x, its scale and zero point, and the output's. */
function quantizedUnary(compute: (node: NodeReader, x: Value) => Value): Importer {
  return (node) => {
    const result = compute(node, dequantize(node, node.input(0), { scale: 1, zeroPoint: 2 }, noAxis, 'x'));
    return [quantize(node, result, { scale: 3, zeroPoint: 4 }, noAxis, typeOfZeroPoint(node, 4))];
  };
}

/** Inputs: the output's scale and zero point, then each part with its own. */
function quantizedConcat(node: NodeReader): Value[] {
  const output: QuantizationInputs = { scale: 0, zeroPoint: 1 };
  const parts: Value[] = [];
  for (let index = 2; index < node.inputCount; index += 3) {
    const inputs = { scale: index + 1, zeroPoint: index + 2 };
    parts.push(dequantize(node, node.input(index), inputs, noAxis, `part${parts.length}`));
  }
  if (parts.length === 0) throw new ShapeError('it has no parts');
  const axis = node.axis(node.required('axis', 'int'), parts[0].shape.length);
  return [quantize(node, concatenate(node, parts, axis, 'joined'), output, noAxis, typeOfZeroPoint(node, 1))];
}

function channelsFirst(node: NodeReader): NodeReader {
  if (node.int('channels_last', 0) !== 0) throw new UnsupportedOperator('channels-last tensors are not supported');
  return node;
}
