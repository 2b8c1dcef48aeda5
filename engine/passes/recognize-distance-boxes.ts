import { elementCount, sameShape } from '../graph/indexing.ts';
import type { DistanceBoxes } from '../graph/ops/distance-boxes.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Node, Value } from '../graph/types.ts';
import { uniformValue } from './constants.ts';
import { type BoxPart, linearFormOf, sameNumbers } from './distance-forms.ts';
import { type Pass, Tally } from './pass.ts';

/** Heads of YOLO-NAS, v6, v8, v9, v10, 11, 12 and 26, which exporters spell out in a dozen nodes. */
export const recognizeDistanceBoxes: Pass = {
  name: 'recognize-distance-boxes',
  description: 'Turns the arithmetic from distances, or their distributions, to boxes into one operation.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const rewritten = rewrite(graph, (node, rewriter) => {
      const match = matchBoxes(node, rewriter);
      if (!match) return undefined;
      const { distances, points, strides, axis, form } = match;
      const { x, bins } = logitsOf(distances, axis, rewriter) ?? { x: distances, bins: [] };
      tally.add(bins.length > 0 ? `distributions over ${bins.length} bins became boxes` : 'distances became boxes');
      const op: DistanceBoxes = { type: 'distanceBoxes', bins, axis, form };
      return rewriter.emit(op, [x, points, strides], node.name, [node.outputs[0].name]);
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

interface Match {
  /** [N, 4, A], or [N, A, 4] where `axis` is 2. */
  readonly distances: Value;
  readonly points: Value;
  readonly strides: Value;
  readonly axis: 1 | 2;
  readonly form: DistanceBoxes['form'];
}

/** concat(first, second) * strides, each part being two sums of points and distances. */
function matchBoxes(node: Node, rewriter: Rewriter): Match | undefined {
  if (node.op.type !== 'binary' || node.op.function !== 'multiply') return undefined;
  const [a, b] = node.inputs;
  const [joined, factors] = a.constant ? [b, a] : [a, b];
  const concat = rewriter.producerOf(joined);
  if (concat?.op.type !== 'concat' || concat.inputs.length !== 2 || joined.shape.length !== 3) return undefined;
  const { axis } = concat.op;
  if ((axis !== 1 && axis !== 2) || !sameShape(joined.shape, node.outputs[0].shape)) return undefined;
  const strides = stridesOf(factors, axis, joined.shape[3 - axis]);
  const [first, second] = concat.inputs.map((part) => linearFormOf(part, axis, rewriter));
  if (!strides || !first || !second || !first.distances || first.distances !== second.distances) return undefined;
  const form = formOf(first, second);
  const { points } = first;
  if (!form || !points || (second.points && !sameNumbers(points, second.points))) return undefined;
  return { distances: first.distances, points, strides, axis, form };
}

function formOf(first: BoxPart, second: BoxPart): DistanceBoxes['form'] | undefined {
  if (isForm(first, -1, 0, 1) && isForm(second, 0, 1, 1)) return 'corners';
  return isForm(first, -0.5, 0.5, 1) && isForm(second, 1, 1, 0) ? 'centerSize' : undefined;
}

function isForm(part: BoxPart, leftTop: number, rightBottom: number, point: number): boolean {
  return part.leftTop === leftTop && part.rightBottom === rightBottom && part.point === point;
}

/** A number for each anchor, from a constant that is the same for all sides. */
function stridesOf(value: Value, axis: 1 | 2, anchors: number): Value | undefined {
  const { constant, shape } = value;
  if (!constant || value.kind !== 'float') return undefined;
  const lastAxes = axis === 1 ? shape.slice(-1) : shape.slice(-2);
  const perAnchor = elementCount(shape) === anchors && lastAxes[0] === anchors;
  const uniform = perAnchor ? undefined : uniformValue(value);
  if (!perAnchor && uniform === undefined) return undefined;
  const strides = uniform === undefined ? Float32Array.from(constant) : new Float32Array(anchors).fill(uniform);
  return { ...value, shape: [anchors], constant: strides };
}

/**
 * The logits of distributions whose means the distances are: a softmax and a weighted sum of the bins (a
 * convolution or a matrix product), among reshapes and transposes.
 */
function logitsOf(
  distances: Value,
  axis: 1 | 2,
  { producerOf, emit }: Rewriter,
): { x: Value; bins: readonly number[] } | undefined {
  const reshape = producerOf(distances);
  const sum = reshape?.op.type === 'reshape' ? weightedSumOf(producerOf(reshape.inputs[0])) : undefined;
  if (!sum) return undefined;
  let value = sum.x;
  // Axis i of the weighted tensor is axis order[i] of `value`; the softmax runs along axis `normalized` of it.
  let order = [0, 1, 2, 3];
  let normalized: number | undefined;
  for (let node = producerOf(value); node; node = producerOf(value)) {
    const { op } = node;
    if (op.type === 'softmax' && normalized === undefined) normalized = op.axis;
    else if (op.type === 'transpose') {
      order = order.map((a) => op.permutation[a]);
      normalized = normalized === undefined ? undefined : op.permutation[normalized];
    } else break;
    [value] = node.inputs;
  }
  const binAxis = axis === 1 ? 2 : 3;
  const others = [0, 1, 2, 3].filter((a) => a !== binAxis);
  const inOrder = order.filter((_, a) => a !== sum.axis).every((a, index) => a === others[index]);
  const sides = value.shape[axis];
  if (normalized !== binAxis || order[sum.axis] !== binAxis || !inOrder || sides !== 4) return undefined;
  const bins = Array.from(sum.weights);
  const shape = distances.shape.map((size, a) => (a === axis ? 4 * bins.length : size));
  const producer = producerOf(value);
  const source = producer?.op.type === 'reshape' ? producer.inputs[0] : value;
  const x = sameShape(source.shape, shape)
    ? source
    : emit({ type: 'reshape', shape }, [source], `${value.name}:sides`)[0];
  return { x, bins };
}

/** A sum along an axis of a tensor of rank 4, with weights and nothing else. */
interface WeightedSum {
  readonly x: Value;
  readonly axis: number;
  readonly weights: ConstantData;
}

function weightedSumOf(node: Node | undefined): WeightedSum | undefined {
  const [x, weight, bias] = node?.inputs ?? [];
  const weights = weight?.constant;
  if (!node || !weights?.every(Number.isFinite) || x.shape.length !== 4) return undefined;
  const { op } = node;
  if (op.type === 'matMul') return sameShape(weight.shape, [x.shape[3], 1]) ? { x, axis: 3, weights } : undefined;
  const plain =
    op.type === 'conv2d' &&
    op.epilogue.length === 0 &&
    [...op.pads, ...op.strides.map((stride) => stride - 1)].every((number) => number === 0) &&
    sameShape(weight.shape, [1, x.shape[1], 1, 1]);
  return plain && uniformValue(bias) === 0 ? { x, axis: 1, weights } : undefined;
}
