import { describe, expect, it } from 'vitest';
import type { DistanceBoxes } from '../../../../engine/graph/ops/distance-boxes.ts';
import { definitionOf } from '../../../../engine/graph/registry.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { evaluate, expectClose, floatTensor, randomTensor, valuesOf } from '../../../support/tensors.ts';

const distances: DistanceBoxes = { type: 'distanceBoxes', bins: [], axis: 1, form: 'corners' };

describe('distanceBoxes', () => {
  const points = floatTensor([2, 2], [0.5, 10, 1.5, 20]);
  const strides = floatTensor([2], [8, 16]);
  // Left, top, right and bottom of two anchors.
  const x = floatTensor([1, 4, 2], [1, 2, 0.5, 3, 4, 5, 2, 1]);

  it('adds distances to points and scales by the stride', () => {
    const corners = [(0.5 - 1) * 8, (10 - 2) * 16, (1.5 - 0.5) * 8, (20 - 3) * 16, 36, 15 * 16, 3.5 * 8, 21 * 16];
    expect(valuesOf(distances, x, points, strides)).toEqual(corners);
    const [x1, x1b, y1, y1b, x2, x2b, y2, y2b] = corners;
    expect(valuesOf({ ...distances, form: 'centerSize' }, x, points, strides)).toEqual([
      ...[(x1 + x2) / 2, (x1b + x2b) / 2, (y1 + y2) / 2, (y1b + y2b) / 2],
      ...[x2 - x1, x2b - x1b, y2 - y1, y2b - y1b],
    ]);
  });

  it('takes the mean of bins under the softmax of their logits', () => {
    const logits = floatTensor([1, 8, 1], [0, 0, -1000, 1000, 1000, -1000, 0, Math.log(3)]);
    const op: DistanceBoxes = { ...distances, bins: [0, 4] };
    const boxes = evaluate(op, logits, floatTensor([2, 1], [10, 20]), floatTensor([1], [2]))[0];
    expectClose(boxes, floatTensor([1, 4, 1], [(10 - 2) * 2, (20 - 4) * 2, (10 + 0) * 2, (20 + 3) * 2]), 1e-6);
  });

  it('takes the sides on the last axis too', () => {
    const [first] = evaluate({ ...distances, bins: [0, 1, 2] }, randomTensor(1, [2, 12, 3]), ...grid(3));
    const [last] = evaluate(
      { ...distances, bins: [0, 1, 2], axis: 2 },
      ...evaluate({ type: 'transpose', permutation: [0, 2, 1] }, randomTensor(1, [2, 12, 3])),
      ...grid(3),
    );
    expectClose(last, evaluate({ type: 'transpose', permutation: [0, 2, 1] }, first)[0], 0);
  });

  it('refuses what does not fit', () => {
    const infer = (op: DistanceBoxes, ...inputs: Parameters<typeof evaluate>[1][]) => {
      return () => definitionOf(op).infer(op, inputs);
    };
    expect(infer({ ...distances, bins: [0, 1] }, x, points, strides)).toThrow(ShapeError);
    expect(infer({ ...distances, bins: [0, 1] }, x, points, strides)).toThrow(/must be 4 sides of 2 bins/);
    expect(infer(distances, x, points, floatTensor([1], [8]))).toThrow(/must be \[2,2\] and \[2\]/);
    expect(infer(distances, floatTensor([4, 2]), points, strides)).toThrow(/must have 3 dimensions/);
  });
});

function grid(anchors: number) {
  return [randomTensor(2, [2, anchors], 5), randomTensor(3, [anchors], 8)];
}
