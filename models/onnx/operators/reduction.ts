import type { Reduce } from '../../../engine/graph/ops/reduce.ts';
import type { Value } from '../../../engine/graph/types.ts';
import type { Importer, NodeReader, OperatorTable } from '../node-reader.ts';

export const reduction: OperatorTable = {
  ReduceMax: plain('maximum', 18),
  ReduceMin: plain('minimum', 18),
  ReduceMean: plain('mean', 18),
  ReduceProd: plain('product', 18),
  ReduceSum: plain('sum', 13),
  ReduceL1: (node) => [reduce(node, 'sum', node.unary('absolute', node.input(0), 'absolute'), 18)],
  ReduceL2: (node) => [node.unary('sqrt', reduce(node, 'sum', square(node), 18, 'sum'))],
  ReduceSumSquare: (node) => [reduce(node, 'sum', square(node), 18)],
  ReduceLogSum: (node) => [node.unary('log', reduce(node, 'sum', node.input(0), 18, 'sum'))],
};

function plain(fn: Reduce['function'], axesInputSince: number): Importer {
  return (node) => [reduce(node, fn, node.input(0), axesInputSince)];
}

function square(node: NodeReader): Value {
  return node.binary('multiply', node.input(0), node.input(0), 'square');
}

/** Axes are an attribute until they become an input in a version that depends on the operator. */
function reduce(node: NodeReader, fn: Reduce['function'], x: Value, axesInputSince: number, label?: string): Value {
  const rank = x.shape.length;
  const stated = node.opset < axesInputSince ? node.optionalIntList('axes') : node.optionalInts(1);
  const keepDims = node.int('keepdims', 1) !== 0;
  if (!stated?.length && node.int('noop_with_empty_axes', 0) !== 0) return x;
  const axes = stated?.length ? stated.map((axis) => node.axis(axis, rank)) : x.shape.map((_, axis) => axis);
  const ascending = [...new Set(axes)].sort((a, b) => a - b);
  return node.apply({ type: 'reduce', function: fn, axes: ascending, keepDims }, [x], label);
}
