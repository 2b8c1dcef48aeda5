import type { Rewriter } from '../graph/rewrite.ts';
import type { ConstantData, Value } from '../graph/types.ts';
import { uniformValue } from './constants.ts';
import { stretchOf } from './stretches.ts';

/** Two of a box's four numbers as sums: leftTop * (left, top) + rightBottom * (right, bottom) + point * (x, y). */
export interface BoxPart {
  readonly leftTop: number;
  readonly rightBottom: number;
  readonly point: number;
  /** [2, A]: x and y of the anchor points. */
  readonly points?: Value;
  /** Left, top, right and bottom on the axis of the sides. */
  readonly distances?: Value;
}

/** Centres from spelled-out corners take five levels: (point - leftTop + (point + rightBottom)) / 2. */
const MOST_LEVELS = 6;

/** A value as such sums, however it is spelled out; undefined where it isn't any. `axis` is that of the sides. */
export function linearFormOf(value: Value, axis: 1 | 2, rewriter: Rewriter, levels = MOST_LEVELS): BoxPart | undefined {
  if (value.constant) {
    const points = pointsOf(value, axis);
    return points && { leftTop: 0, rightBottom: 0, point: 1, points };
  }
  const node = rewriter.producerOf(value);
  const stretch = stretchOf(node);
  if (node && stretch?.axis === axis && stretch.size === 2 && node.inputs[0].shape[axis] === 4) {
    const [distances] = node.inputs;
    if (stretch.start === 0) return { leftTop: 1, rightBottom: 0, point: 0, distances };
    return stretch.start === 2 ? { leftTop: 0, rightBottom: 1, point: 0, distances } : undefined;
  }
  if (node?.op.type !== 'binary' || levels === 0) return undefined;
  const [a, b] = node.inputs;
  const form = (operand: Value) => linearFormOf(operand, axis, rewriter, levels - 1);
  switch (node.op.function) {
    case 'add':
      return sum(form(a), form(b), 1);
    case 'subtract':
      return sum(form(a), form(b), -1);
    case 'multiply':
      return scaled(form(a), uniformValue(b)) ?? scaled(form(b), uniformValue(a));
    case 'divide':
      return scaled(form(a), 1 / (uniformValue(b) ?? 0));
    default:
      return undefined;
  }
}

function sum(a: BoxPart | undefined, b: BoxPart | undefined, sign: number): BoxPart | undefined {
  if (!a || !b) return undefined;
  const distances = a.distances ?? b.distances;
  const points = a.points ?? b.points;
  if ((b.distances ?? distances) !== distances || (b.points && points && !sameNumbers(b.points, points))) {
    return undefined;
  }
  return {
    leftTop: a.leftTop + sign * b.leftTop,
    rightBottom: a.rightBottom + sign * b.rightBottom,
    point: a.point + sign * b.point,
    points,
    distances,
  };
}

function scaled(part: BoxPart | undefined, factor: number | undefined): BoxPart | undefined {
  if (!part || factor === undefined || !Number.isFinite(factor)) return undefined;
  return {
    ...part,
    leftTop: part.leftTop * factor,
    rightBottom: part.rightBottom * factor,
    point: part.point * factor,
  };
}

/** Whether two constants of one shape hold the same numbers. */
export function sameNumbers(a: Value, b: Value): boolean {
  const data = b.constant as ConstantData;
  return a === b || (a.constant as ConstantData).every((value, index) => value === data[index]);
}

/** A constant [1, 2, A] or [2, A] as [2, A]; [1, A, 2] or [A, 2] where the sides are on axis 2. */
function pointsOf(value: Value, axis: 1 | 2): Value | undefined {
  const { constant, kind } = value;
  const shape = value.shape.length === 3 ? value.shape.slice(1) : value.shape;
  if (!constant || kind !== 'float' || shape.length !== 2 || shape[axis - 1] !== 2) return undefined;
  if (value.shape.length === 3 && value.shape[0] !== 1) return undefined;
  const anchors = shape[2 - axis];
  const data = Float32Array.from({ length: 2 * anchors }, (_, index) => {
    const [coordinate, anchor] = [Math.floor(index / anchors), index % anchors];
    return constant[axis === 1 ? index : anchor * 2 + coordinate];
  });
  return { ...value, shape: [2, anchors], constant: data };
}
