import type { PlainUnaryName } from '../../../engine/graph/ops/unary.ts';
import type { Value } from '../../../engine/graph/types.ts';
import { type Importer, isConstant, type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

export const activation: OperatorTable = {
  Relu: plain('relu'),
  Sigmoid: plain('sigmoid'),
  Tanh: plain('tanh'),
  Softplus: plain('softplus'),
  HardSwish: plain('hardSwish'),
  Mish: plain('mish'),
  LeakyRelu: (node) => [node.unary({ name: 'leakyRelu', alpha: node.float('alpha', 0.01) }, node.input(0))],
  Elu: (node) => [node.unary({ name: 'elu', alpha: node.float('alpha', 1) }, node.input(0))],
  HardSigmoid: (node) => {
    const [alpha, beta] = [node.float('alpha', 0.2), node.float('beta', 0.5)];
    return [node.unary({ name: 'hardSigmoid', alpha, beta }, node.input(0))];
  },
  Gelu: (node) => {
    if (node.string('approximate', 'none') !== 'none') {
      throw new UnsupportedOperator('the tanh approximation is not supported');
    }
    return [node.unary('gelu', node.input(0))];
  },
  PRelu: parametricRelu,
  Softmax: (node) => [softmax(node, undefined)],
  LogSoftmax: (node) => [node.unary('log', softmax(node, 'softmax'))],
};

function plain(name: PlainUnaryName): Importer {
  return (node) => [node.unary(name, node.input(0))];
}

/** x where x >= 0, slope * x below: max(x, 0) + slope * min(x, 0). */
function parametricRelu(node: NodeReader): Value[] {
  const x = node.input(0);
  const slope = node.input(1);
  if (isConstant(slope)) {
    const [alpha] = slope.constant;
    if (slope.constant.every((element) => element === alpha)) return [node.unary({ name: 'leakyRelu', alpha }, x)];
  }
  const negative = node.binary('minimum', x, node.floats('zero', [], [0]), 'negative');
  const scaled = node.binary('multiply', negative, slope, 'scaled');
  return [node.binary('add', node.unary('relu', x, 'positive'), scaled)];
}

/** Before version 13 the sum goes over the axis and all that follow; the default was axis 1. */
function softmax(node: NodeReader, label: string | undefined): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const axis = node.axis(node.int('axis', node.opset < 13 ? 1 : -1), rank);
  const following = x.shape.slice(axis + 1);
  if (node.opset >= 13 || following.every((size) => size === 1)) {
    return node.apply({ type: 'softmax', axis }, [x], label);
  }
  const flat = node.reshape(x, [...x.shape.slice(0, axis), x.shape.slice(axis).reduce((a, b) => a * b)], 'flat');
  const result = node.apply({ type: 'softmax', axis }, [flat], 'softmax-flat');
  return node.reshape(result, x.shape, label);
}
