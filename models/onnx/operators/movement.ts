import { sameShape } from '../../../engine/graph/indexing.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

/** What joins, cuts, pads, repeats and reorders tensors without computing on elements. */
export const movement: OperatorTable = {
  Concat: (node) => {
    const parts = node.allInputs();
    if (parts.length === 0) throw new ShapeError('it has no inputs');
    const axis = node.axis(node.required('axis', 'int'), parts[0].shape.length);
    return [concatenate(node, parts, axis)];
  },
  Split: split,
  Slice: slice,
  Transpose: (node) => {
    const x = node.input(0);
    const reversed = x.shape.map((_, axis) => axis).reverse();
    return [node.transpose(x, node.optionalIntList('perm') ?? reversed)];
  },
  Pad: pad,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};

/** Leaves out empty parts, as exporters concatenate lists that may be empty. */
export function concatenate(node: NodeReader, parts: readonly Value[], axis: number, label?: string): Value {
  const filled = parts.filter((part) => part.shape[axis] !== 0);
  if (filled.length < 2) return filled[0] ?? parts[0];
  return node.apply({ type: 'concat', axis }, filled, label);
}

/** Sizes are an attribute before version 13, an input from then on; without them the parts are equal. */
function split(node: NodeReader): Value[] {
  const x = node.input(0);
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const total = x.shape[axis];
  const stated = node.opset < 13 ? node.optionalIntList('split') : node.optionalInts(1);
  const outputs = node.node.outputs;
  const sizes = stated ?? equalParts(total, node.int('num_outputs', outputs.length));
  if (sizes.length !== outputs.length || sizes.some((size) => size < 0) || sum(sizes) !== total) {
    throw new ShapeError(
      `dimension ${axis} of [${x.shape}] doesn't split into [${sizes}] for ${outputs.length} outputs`,
    );
  }
  let start = 0;
  return sizes.map((size, index) => {
    const starts = x.shape.map((_, other) => (other === axis ? start : 0));
    const dims = x.shape.map((whole, other) => (other === axis ? size : whole));
    start += size;
    if (sameShape(dims, x.shape)) return x;
    const op = { type: 'slice', starts, sizes: dims, steps: dims.map(() => 1) } as const;
    return node.builder.apply(op, [x], index === 0 ? node.node.name : `${node.node.name}:${index}`, outputs[index]);
  });
}

/** Parts of equal size, the last one smaller where they don't divide. */
function equalParts(total: number, count: number): number[] {
  const size = Math.ceil(total / count);
  return Array.from({ length: count }, (_, index) => Math.max(Math.min(size, total - index * size), 0));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Bounds are attributes before version 10, inputs from then on. */
function slice(node: NodeReader): Value[] {
  const x = node.input(0);
  const rank = x.shape.length;
  const inputs = node.opset >= 10;
  const starts = inputs ? node.ints(1) : node.required('starts', 'ints');
  const ends = inputs ? node.ints(2) : node.required('ends', 'ints');
  const axes = (inputs ? node.optionalInts(3) : node.optionalIntList('axes')) ?? starts.map((_, index) => index);
  const steps = (inputs ? node.optionalInts(4) : undefined) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw new ShapeError(`starts [${starts}], ends [${ends}], axes [${axes}] and steps [${steps}] differ in length`);
  }
  const whole = x.shape.map((size): AxisRange => ({ start: 0, size, step: 1 }));
  axes.forEach((stated, index) => {
    const axis = node.axis(stated, rank);
    whole[axis] = resolveRange(x.shape[axis], starts[index], ends[index], steps[index]);
  });
  const [from, sizes, by] = [whole.map((r) => r.start), whole.map((r) => r.size), whole.map((r) => r.step)];
  return [node.slice(x, from, sizes, by)];
}

interface AxisRange {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/** Python's slicing: negative bounds count from the end, and bounds beyond the ends are moved to them. */
function resolveRange(size: number, start: number, end: number, step: number): AxisRange {
  if (step === 0) throw new ShapeError('a step of a slice is 0');
  const clamp = (bound: number, least: number, greatest: number) =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, least), greatest);
  const [first, last] =
    step > 0
      ? [clamp(start, 0, size), clamp(end, 0, size)]
      : // An end of -1 in the file means the last element; "before the first" arrives as a number below -size.
        [clamp(start, 0, size - 1), clamp(end, -1, size - 1)];
  const count = Math.max(Math.ceil((last - first) / step), 0);
  return { start: count === 0 ? 0 : first, size: count, step };
}

/** Counts and value are attributes before version 11, inputs from then on; from version 18 they may name axes. */
function pad(node: NodeReader): Value[] {
  const x = node.input(0);
  const rank = x.shape.length;
  const stated = node.opset < 11 ? node.required('pads', 'ints') : node.ints(1);
  const value = node.opset < 11 ? node.float('value', 0) : (node.optionalScalar(2) ?? 0);
  const axes = node.optionalInts(3)?.map((axis) => node.axis(axis, rank)) ?? x.shape.map((_, axis) => axis);
  if (stated.length !== 2 * axes.length) {
    throw new ShapeError(`${stated.length} counts don't pad ${axes.length} axes on both sides`);
  }
  const mode = node.string('mode', 'constant');
  if (stated.every((count) => count === 0)) return [x];
  if (mode !== 'constant') throw new UnsupportedOperator(`padding of mode "${mode}" is not supported`);
  const before = x.shape.map(() => 0);
  const after = x.shape.map(() => 0);
  axes.forEach((axis, index) => {
    before[axis] = stated[index];
    after[axis] = stated[axes.length + index];
  });
  return [node.apply({ type: 'pad', before, after, value }, [x])];
}

/** Each repeated axis becomes two, of which the first is expanded; an axis of size 1 is expanded as it is. */
function tile(node: NodeReader): Value[] {
  const x = node.input(0);
  const repeats = node.ints(1);
  if (repeats.length !== x.shape.length || repeats.some((repeat) => repeat < 0)) {
    throw new ShapeError(`[${repeats}] doesn't repeat [${x.shape}]`);
  }
  const isSplit = (axis: number) => repeats[axis] !== 1 && x.shape[axis] !== 1;
  const separated = x.shape.flatMap((size, axis) => (isSplit(axis) ? [1, size] : [size]));
  const expanded = x.shape.flatMap((size, axis) => (isSplit(axis) ? [repeats[axis], size] : [size * repeats[axis]]));
  const result = x.shape.map((size, axis) => size * repeats[axis]);
  const simple = sameShape(expanded, result);
  const repeated = node.expand(node.reshape(x, separated, 'separated'), expanded, simple ? undefined : 'repeated');
  return [node.reshape(repeated, result)];
}

function depthToSpace(node: NodeReader): Value[] {
  const x = node.input(0);
  const block = node.required('blocksize', 'int');
  const [batch, channels, height, width] = spatialShape(x);
  const depth = channels / block ** 2;
  if (!Number.isInteger(depth)) throw new ShapeError(`${channels} channels don't divide into blocks of ${block}`);
  const result = [batch, depth, height * block, width * block];
  // Channels hold the block's pixels outermost (DCR) or innermost (CRD).
  if (node.string('mode', 'DCR') === 'CRD') {
    const blocks = node.reshape(x, [batch, depth, block, block, height, width], 'blocks');
    return [node.reshape(node.transpose(blocks, [0, 1, 4, 2, 5, 3], 'moved'), result)];
  }
  const blocks = node.reshape(x, [batch, block, block, depth, height, width], 'blocks');
  return [node.reshape(node.transpose(blocks, [0, 3, 4, 1, 5, 2], 'moved'), result)];
}

function spaceToDepth(node: NodeReader): Value[] {
  const x = node.input(0);
  const block = node.required('blocksize', 'int');
  const [batch, channels, height, width] = spatialShape(x);
  const [rows, columns] = [height / block, width / block];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new ShapeError(`[${x.shape}] doesn't divide into blocks of ${block}`);
  }
  const blocks = node.reshape(x, [batch, channels, rows, block, columns, block], 'blocks');
  const moved = node.transpose(blocks, [0, 3, 5, 1, 2, 4], 'moved');
  return [node.reshape(moved, [batch, channels * block ** 2, rows, columns])];
}

function spatialShape(x: Value): readonly [number, number, number, number] {
  if (x.shape.length !== 4) throw new ShapeError(`its input has ${x.shape.length} dimensions, it needs 4`);
  return [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
}
