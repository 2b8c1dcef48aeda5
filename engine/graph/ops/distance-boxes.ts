import { elementCount, rowMajorStrides, sameShape } from '../indexing.ts';
import { requireInputs, requireKind, requireRank } from '../rules.ts';
import type { OpDefinition, Shape } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * Boxes of anchor points from the distances to their left, top, right and bottom side, in that order (FCOS,
 * arXiv:1904.01355). A distance with bins is their mean under the softmax of its logits (distribution focal loss,
 * arXiv:2006.04388).
 *
 * Inputs: x [N, 4, A] distances, or [N, 4 * bins, A] logits, a side's bins following each other (where `axis` is 2, [N, A,
 * 4] or [N, A, 4 * bins]); points [2, A], x before y; strides [A]. Output: x's shape with 4 sides: (x1, y1, x2, y2) or
 * (centre x, centre y, width, height), where x1 = (point x - left) * stride and so on.
 */
export interface DistanceBoxes {
  readonly type: 'distanceBoxes';
  /** The distances that the bins stand for, in strides; empty where x holds distances. */
  readonly bins: readonly number[];
  /** The axis of the sides. */
  readonly axis: 1 | 2;
  readonly form: 'corners' | 'centerSize';
}

export const distanceBoxes: OpDefinition<DistanceBoxes> = {
  type: 'distanceBoxes',

  infer(op, inputs) {
    requireInputs('distanceBoxes', inputs, 3);
    const [x, points, strides] = inputs;
    for (const input of inputs) requireKind('distanceBoxes', input, 'float');
    requireRank('distanceBoxes: x', x, 3);
    const anchors = x.shape[3 - op.axis];
    if (x.shape[op.axis] !== 4 * perSide(op)) {
      throw new ShapeError(
        `distanceBoxes: axis ${op.axis} of x [${x.shape}] must be 4 sides of ${op.bins.length} bins`,
      );
    }
    if (!sameShape(points.shape, [2, anchors]) || !sameShape(strides.shape, [anchors])) {
      const given = `[${points.shape}] and [${strides.shape}]`;
      throw new ShapeError(
        `distanceBoxes: points and strides must be [2,${anchors}] and [${anchors}], they are ${given}`,
      );
    }
    return [{ kind: 'float', shape: boxesShape(op, x.shape) }];
  },

  /** Of a bin: maximum, difference, exponential, sum, product and sum. Of a side: the quotient and the box's arithmetic. */
  cost(op, _inputs, [output]) {
    return { flops: elementCount(output.shape) * (op.bins.length > 0 ? 6 * op.bins.length + 3 : 2) };
  },

  reference(op, [x, points, strides]) {
    const shape = boxesShape(op, x.shape);
    const data = new Float64Array(elementCount(shape));
    const anchors = strides.data.length;
    const [from, to] = [rowMajorStrides(x.shape), rowMajorStrides(shape)];
    for (let image = 0; image < shape[0]; image++) {
      for (let anchor = 0; anchor < anchors; anchor++) {
        const start = image * from[0] + anchor * from[3 - op.axis];
        const side = (index: number) => {
          const first = start + index * perSide(op) * from[op.axis];
          return op.bins.length === 0
            ? x.data[first]
            : meanOf(
                op.bins,
                op.bins.map((_, bin) => x.data[first + bin * from[op.axis]]),
              );
        };
        const [px, py] = [points.data[anchor], points.data[anchors + anchor]];
        const corners = [px - side(0), py - side(1), px + side(2), py + side(3)];
        const box = op.form === 'corners' ? corners : centerSize(corners);
        box.forEach((value, index) => {
          data[image * to[0] + anchor * to[3 - op.axis] + index * to[op.axis]] = value * strides.data[anchor];
        });
      }
    }
    return [{ kind: 'float', shape, data }];
  },
};

function boxesShape(op: DistanceBoxes, shape: Shape): Shape {
  return shape.map((size, axis) => (axis === op.axis ? 4 : size));
}

function perSide({ bins }: DistanceBoxes): number {
  return Math.max(1, bins.length);
}

function meanOf(bins: readonly number[], logits: readonly number[]): number {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.reduce((sum, weight, bin) => sum + weight * bins[bin], 0) / total;
}

function centerSize([x1, y1, x2, y2]: readonly number[]): number[] {
  return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
}
