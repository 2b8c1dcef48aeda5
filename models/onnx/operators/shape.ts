import { broadcastShapes, elementCount } from '../../../engine/graph/indexing.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { constantValue } from '../constants.ts';
import { type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

/** Constants, shapes, and what changes a tensor's shape but not the order of its elements. */
export const shape: OperatorTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Shape: (node) => {
    const dims = node.input(0).shape;
    const selected = dims.slice(node.int('start', 0), node.int('end', dims.length));
    return [node.builder.ints(node.node.outputs[0], [selected.length], selected)];
  },
  Size: (node) => [node.builder.ints(node.node.outputs[0], [], [elementCount(node.input(0).shape)])],
  Identity: (node) => [node.input(0)],
  Dropout: (node) => [node.input(0)],
  Reshape: (node) => [node.reshape(node.input(0), reshaped(node, node.input(0).shape, node.ints(1)))],
  Flatten: (node) => {
    const x = node.input(0);
    const axis = node.int('axis', 1);
    const split = axis < 0 ? axis + x.shape.length : axis;
    if (split < 0 || split > x.shape.length) throw new ShapeError(`axis ${axis} is outside [${x.shape}]`);
    return [node.reshape(x, [elementCount(x.shape.slice(0, split)), elementCount(x.shape.slice(split))])];
  },
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: (node) => {
    const x = node.input(0);
    return [node.expand(x, broadcastShapes('Expand', [x.shape, node.ints(1)]))];
  },
};

function constant(node: NodeReader): Value[] {
  const [output] = node.node.outputs;
  const tensor = node.optionalTensor('value');
  if (tensor) return [constantValue(output, tensor)];
  for (const [name, attribute] of node.node.attributes) {
    switch (attribute.kind) {
      case 'float':
        return [node.builder.floats(output, [], [attribute.value])];
      case 'floats':
        return [node.builder.floats(output, [attribute.value.length], attribute.value)];
      case 'int':
        return [node.builder.ints(output, [], [saturate(attribute.value)])];
      case 'ints':
        return [node.builder.ints(output, [attribute.value.length], attribute.value.map(saturate))];
      default:
        throw new UnsupportedOperator(`a constant given by ${name} is not supported`);
    }
  }
  throw new ShapeError('it has no value');
}

function saturate(integer: number): number {
  return Math.min(Math.max(integer, -(2 ** 31)), 2 ** 31 - 1);
}

/** Kept as an expanded scalar where it is large. */
function constantOfShape(node: NodeReader): Value[] {
  const dims = node.ints(0);
  if (dims.some((dim) => dim < 0)) throw new ShapeError(`its shape is [${dims}]`);
  const tensor = node.optionalTensor('value');
  const element = tensor ? constantValue(node.nameOf('value'), { ...tensor, dims: [] }) : node.floats('value', [], [0]);
  return [node.expand(element, dims)];
}

/** Anchor grids have some thousand elements; a range beyond this is a broken file. */
const RANGE_LIMIT = 2 ** 22;

function range(node: NodeReader): Value[] {
  const [start, limit, delta] = [node.scalar(0), node.scalar(1), node.scalar(2)];
  const count = Math.max(Math.ceil((limit - start) / delta), 0);
  if (!(count <= RANGE_LIMIT)) throw new ShapeError(`from ${start} to ${limit} in steps of ${delta} is no range`);
  const data = Array.from({ length: count }, (_, index) => start + index * delta);
  const kind = node.input(0).kind;
  const { builder } = node;
  const [output] = node.node.outputs;
  return [kind === 'float' ? builder.floats(output, [count], data) : builder.ints(output, [count], data)];
}

/** Resolves -1 (whatever is left) and 0 (the input's own dimension, unless `allowzero`). */
function reshaped(node: NodeReader, from: readonly number[], target: readonly number[]): number[] {
  const copyZeros = node.int('allowzero', 0) === 0;
  const dims = target.map((dim, axis) => {
    if (dim !== 0 || !copyZeros) return dim;
    if (axis >= from.length) throw new ShapeError(`shape [${target}] copies dimension ${axis}, its input is [${from}]`);
    return from[axis];
  });
  const open = dims.indexOf(-1);
  const rest = elementCount(dims.filter((_, axis) => axis !== open));
  const total = elementCount(from);
  if (open >= 0) dims[open] = rest === 0 ? 0 : total / rest;
  if (elementCount(dims) !== total || !dims.every((dim) => Number.isInteger(dim) && dim >= 0)) {
    throw new ShapeError(`[${from}] doesn't reshape to [${target}]`);
  }
  return dims;
}

/** Axes are an attribute before version 13, an input from then on. */
function axesOf(node: NodeReader): readonly number[] | undefined {
  return node.opset < 13 ? node.optionalIntList('axes') : node.optionalInts(1);
}

function squeeze(node: NodeReader): Value[] {
  const x = node.input(0);
  const rank = x.shape.length;
  const stated = axesOf(node)?.map((axis) => node.axis(axis, rank));
  const axes = stated ?? x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  for (const axis of axes) {
    if (x.shape[axis] !== 1) throw new ShapeError(`dimension ${axis} of [${x.shape}] is not 1`);
  }
  return [
    node.reshape(
      x,
      x.shape.filter((_, axis) => !axes.includes(axis)),
    ),
  ];
}

function unsqueeze(node: NodeReader): Value[] {
  const x = node.input(0);
  const stated = axesOf(node);
  if (!stated) throw new ShapeError('its axes are missing');
  const rank = x.shape.length + stated.length;
  const axes = new Set(stated.map((axis) => node.axis(axis, rank)));
  if (axes.size !== stated.length) throw new ShapeError(`its axes [${stated}] repeat`);
  const remaining = [...x.shape];
  const dims = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (remaining.shift() ?? 1)));
  return [node.reshape(x, dims)];
}
