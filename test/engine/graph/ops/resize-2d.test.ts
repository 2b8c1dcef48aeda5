import { describe, expect, it } from 'vitest';
import type { Resize2d } from '../../../../engine/graph/ops/resize-2d.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { string } from '../../../support/onnx-writer.ts';
import { evaluate, expectClose, floatTensor, intTensor, randomTensor, valuesOf } from '../../../support/tensors.ts';

const coordinateNames = {
  asymmetric: 'asymmetric',
  halfPixel: 'half_pixel',
  pytorchHalfPixel: 'pytorch_half_pixel',
  alignCorners: 'align_corners',
} as const;

const roundingNames = {
  floor: 'floor',
  ceil: 'ceil',
  roundPreferFloor: 'round_prefer_floor',
  roundPreferCeil: 'round_prefer_ceil',
} as const;

const coordinateModes = Object.keys(coordinateNames) as (keyof typeof coordinateNames)[];
const roundings = Object.keys(roundingNames) as (keyof typeof roundingNames)[];

const sizes = [
  [6, 10],
  [3, 5],
  [4, 7],
  [1, 1],
  [2, 3],
  [9, 13],
] as const;

const absent = floatTensor([0]);

describe('resize2d', () => {
  it('doubles by repeating pixels', () => {
    const op: Resize2d = {
      type: 'resize2d',
      size: [2, 4],
      scales: [2, 2],
      mode: 'nearest',
      coordinates: 'asymmetric',
      rounding: 'floor',
    };
    expect(valuesOf(op, floatTensor([1, 1, 1, 2], [1, 2]))).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
  });

  for (const coordinates of coordinateModes) {
    for (const rounding of roundings) {
      it(`nearest, ${coordinates}, ${rounding}: as ONNX Runtime`, async () => {
        const x = randomTensor(1, [1, 2, 3, 5]);
        for (const [height, width] of sizes) {
          const [expected] = await runOperator('Resize', [x, absent, absent, intTensor([4], [1, 2, height, width])], {
            attributes: {
              mode: string('nearest'),
              coordinate_transformation_mode: string(coordinateNames[coordinates]),
              nearest_mode: string(roundingNames[rounding]),
            },
          });
          const scales = [height / 3, width / 5] as const;
          const op: Resize2d = {
            type: 'resize2d',
            size: [height, width],
            scales,
            mode: 'nearest',
            coordinates,
            rounding,
          };
          expectClose(evaluate(op, x)[0], expected, 0);
        }
      });
    }

    it(`linear, ${coordinates}: as ONNX Runtime`, async () => {
      const x = randomTensor(1, [2, 2, 3, 5]);
      for (const [height, width] of sizes) {
        const [expected] = await runOperator('Resize', [x, absent, absent, intTensor([4], [2, 2, height, width])], {
          attributes: {
            mode: string('linear'),
            coordinate_transformation_mode: string(coordinateNames[coordinates]),
          },
        });
        const scales = [height / 3, width / 5] as const;
        const size = [height, width] as const;
        const op: Resize2d = { type: 'resize2d', size, scales, mode: 'linear', coordinates, rounding: 'floor' };
        expectClose(evaluate(op, x)[0], expected, 2e-6);
      }
    });
  }

  it('takes the scale that the file states, where it differs from the ratio of the sizes', async () => {
    const x = randomTensor(1, [1, 1, 5, 7]);
    const scales = [1.3, 0.45] as const;
    const [expected] = await runOperator('Resize', [x, absent, floatTensor([4], [1, 1, ...scales])], {
      attributes: { mode: string('linear'), coordinate_transformation_mode: string('half_pixel') },
    });
    const size = [6, 3] as const;
    const op: Resize2d = {
      type: 'resize2d',
      size,
      scales,
      mode: 'linear',
      coordinates: 'halfPixel',
      rounding: 'floor',
    };
    expectClose(evaluate(op, x)[0], expected, 2e-6);
  });

  it('refuses an empty size', () => {
    const op: Resize2d = {
      type: 'resize2d',
      size: [0, 4],
      scales: [1, 1],
      mode: 'nearest',
      coordinates: 'asymmetric',
      rounding: 'floor',
    };
    expect(() => evaluate(op, floatTensor([1, 1, 2, 2]))).toThrow(/size must be integers from 1/);
  });
});
