import { elementCount } from '../../../engine/graph/indexing.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { isConstant, type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';
import { concatenate } from './movement.ts';

/** What picks elements by index or by rank. */
export const selection: OperatorTable = {
  Gather: gather,
  GatherElements: (node) => {
    const axis = node.axis(node.int('axis', 0), node.input(0).shape.length);
    return [node.apply({ type: 'gatherElements', axis }, [node.input(0), node.input(1)])];
  },
  GatherND: gatherNd,
  ScatterND: (node) => {
    refuseReduction(node);
    return [node.apply({ type: 'scatterNd' }, [node.input(0), node.input(1), node.input(2)])];
  },
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  TopK: topK,
  ArgMax: (node) => [extremeIndex(node, true)],
  ArgMin: (node) => [extremeIndex(node, false)],
};

/** Known indices in equal steps are a slice, which costs nothing at run time. */
function gather(node: NodeReader): Value[] {
  const [data, indices] = [node.input(0), node.input(1)];
  const axis = node.axis(node.int('axis', 0), data.shape.length);
  const progression = isConstant(indices) ? progressionOf(indices.constant, data.shape[axis]) : undefined;
  if (!progression || indices.shape.length > 1) return [node.apply({ type: 'gather', axis }, [data, indices])];
  const at = (along: number, elsewhere: readonly number[] | number) =>
    data.shape.map((_, other) =>
      other === axis ? along : typeof elsewhere === 'number' ? elsewhere : elsewhere[other],
    );
  const scalar = indices.shape.length === 0;
  const { start, step, count } = progression;
  const picked = node.slice(data, at(start, 0), at(count, data.shape), at(step, 1), scalar ? 'picked' : undefined);
  return [scalar ? node.reshape(picked, data.shape.toSpliced(axis, 1)) : picked];
}

interface Progression {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

function progressionOf(indices: ArrayLike<number>, size: number): Progression | undefined {
  const resolved = Array.from(indices, (index) => (index < 0 ? index + size : index));
  for (const index of resolved) {
    if (index < 0 || index >= size) throw new ShapeError(`index ${index} is outside a dimension of ${size}`);
  }
  if (resolved.length === 0) return undefined;
  const [start] = resolved;
  const step = resolved.length > 1 ? resolved[1] - start : 1;
  const regular = step !== 0 && resolved.every((index, position) => index === start + position * step);
  return regular ? { start, step, count: resolved.length } : undefined;
}

/** The leading dimensions that an index addresses become one, and the index a number in it. */
function gatherNd(node: NodeReader): Value[] {
  if (node.int('batch_dims', 0) !== 0) throw new UnsupportedOperator('batch_dims is not supported');
  const [data, indices] = [node.input(0), node.input(1)];
  const depth = indices.shape[indices.shape.length - 1];
  if (indices.shape.length === 0 || depth < 1 || depth > data.shape.length) {
    throw new ShapeError(`indices [${indices.shape}] don't address data [${data.shape}]`);
  }
  const positions = indices.shape.slice(0, -1);
  const addressed = data.shape.slice(0, depth);
  const flat = node.reshape(data, [elementCount(addressed), ...data.shape.slice(depth)], 'flat');
  let flatIndex: Value | undefined;
  addressed.forEach((size, component) => {
    const starts = indices.shape.map((_, axis) => (axis === positions.length ? component : 0));
    const sliced = node.slice(indices, starts, [...positions, 1], undefined, `component${component}`);
    const index = nonNegative(node, node.reshape(sliced, positions, `index${component}`), size, component);
    const before =
      flatIndex && node.binary('multiply', flatIndex, intScalar(node, `size${component}`, size), `row${component}`);
    flatIndex = before ? node.binary('add', before, index, `flat${component}`) : index;
  });
  if (!flatIndex) throw new ShapeError('its indices are empty');
  return [node.apply({ type: 'gather', axis: 0 }, [flat, flatIndex])];
}

/** Negative indices count from the end. */
function nonNegative(node: NodeReader, index: Value, size: number, component: number): Value {
  const negative = node.binary('less', index, intScalar(node, 'zero', 0), `negative${component}`);
  const moved = node.binary('add', index, intScalar(node, `end${component}`, size), `moved${component}`);
  return node.apply({ type: 'select' }, [negative, moved, index], `resolved${component}`);
}

/** Every index becomes a full coordinate, the other axes counting up. */
function scatterElements(node: NodeReader): Value[] {
  refuseReduction(node);
  const [data, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  const axis = node.axis(node.int('axis', 0), data.shape.length);
  const positions = indices.shape;
  if (positions.length !== data.shape.length) {
    throw new ShapeError(`indices [${positions}] and data [${data.shape}] differ in rank`);
  }
  const coordinates = positions.map((size, other) => {
    const name = `coordinate${other}`;
    if (other === axis) return node.reshape(indices, [...positions, 1], name);
    const along = positions.map((_, third) => (third === other ? size : 1));
    const counting = node.builder.ints(
      node.nameOf(`count${other}`),
      [...along, 1],
      Int32Array.from({ length: size }, (_, i) => i),
    );
    return node.expand(counting, [...positions, 1], name);
  });
  const places = concatenate(node, coordinates, positions.length, 'places');
  return [node.apply({ type: 'scatterNd' }, [data, places, updates])];
}

function refuseReduction(node: NodeReader): void {
  const reduction = node.string('reduction', 'none');
  if (reduction !== 'none') throw new UnsupportedOperator(`reduction "${reduction}" is not supported`);
}

/** k is an attribute before version 10, an input from then on. */
function topK(node: NodeReader): Value[] {
  const x = node.input(0);
  const k = node.opset < 10 ? node.required('k', 'int') : node.scalar(1);
  const axis = node.axis(node.int('axis', -1), x.shape.length);
  return node.applyAll({ type: 'topK', axis, k, largest: node.int('largest', 1) !== 0 }, [x]);
}

function extremeIndex(node: NodeReader, largest: boolean): Value {
  const x = node.input(0);
  if (node.int('select_last_index', 0) !== 0) throw new UnsupportedOperator('select_last_index is not supported');
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const keepDims = node.int('keepdims', 1) !== 0;
  const [, indices] = node.builder.add({ type: 'topK', axis, k: 1, largest }, [x], node.nameOf('best'));
  return keepDims ? indices : node.reshape(indices, x.shape.toSpliced(axis, 1));
}

function intScalar(node: NodeReader, label: string, element: number): Value {
  return node.builder.ints(node.nameOf(label), [], [element]);
}
