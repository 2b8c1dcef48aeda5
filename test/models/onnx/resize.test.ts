import { describe, expect, test } from 'vitest';
import { floats, int, ints, string } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, importModel, int64s, modelOf } from './operator-case.ts';

const x = fed([1, 2, 4, 5]);
const scales = (...factors: number[]) => constant('float32', [factors.length], factors);
const empty = constant('float32', [0], []);

describe('Upsample', () => {
  for (const mode of ['nearest', 'linear']) {
    agrees(`${mode}, by attribute`, {
      operator: 'Upsample',
      opset: 7,
      inputs: [x],
      attributes: { mode: string(mode), scales: floats(1, 1, 2, 3) },
    });
    agrees(`${mode}, by input`, {
      operator: 'Upsample',
      opset: 9,
      inputs: [x, scales(1, 1, 2, 2)],
      attributes: { mode: string(mode) },
    });
    agrees(`${mode}, as the first Resize`, {
      operator: 'Resize',
      opset: 10,
      inputs: [x, scales(1, 1, 2, 2)],
      attributes: { mode: string(mode) },
    });
    agrees(`${mode}, as the first Resize shrinking`, {
      operator: 'Resize',
      opset: 10,
      inputs: [x, scales(1, 1, 0.5, 0.6)],
      attributes: { mode: string(mode) },
    });
  }
});

describe('Resize', () => {
  for (const coordinates of ['asymmetric', 'half_pixel', 'pytorch_half_pixel', 'align_corners']) {
    const attributes = { coordinate_transformation_mode: string(coordinates) };
    for (const rounding of ['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil']) {
      agrees(`nearest, ${coordinates}, ${rounding}`, {
        operator: 'Resize',
        opset: 11,
        inputs: [x, empty, scales(1, 1, 2, 1.6)],
        attributes: { ...attributes, nearest_mode: string(rounding) },
      });
    }
    for (const [title, sizes] of [
      ['larger', [1, 2, 7, 11]],
      ['smaller', [1, 2, 3, 2]],
      ['one pixel', [1, 2, 1, 1]],
    ] as const) {
      agrees(`linear, ${coordinates}, to sizes: ${title}`, {
        operator: 'Resize',
        opset: 13,
        inputs: [x, null, null, int64s(...sizes)],
        attributes: { ...attributes, mode: string('linear') },
      });
    }
  }
  agrees('by default', { operator: 'Resize', opset: 13, inputs: [x, null, scales(1, 1, 2, 2)] });
  agrees('of stated axes', {
    operator: 'Resize',
    opset: 18,
    inputs: [x, null, scales(3, 2)],
    attributes: { axes: ints(3, 2) },
  });
  agrees('in version 19', { operator: 'Resize', opset: 19, inputs: [x, null, null, int64s(1, 2, 8, 10)] });

  for (const [reason, attributes, inputs] of [
    ['mode "cubic"', { mode: string('cubic') }, [x, null, scales(1, 1, 2, 2)]],
    [
      'coordinates "tf_crop_and_resize"',
      { coordinate_transformation_mode: string('tf_crop_and_resize') },
      [x, null, scales(1, 1, 2, 2)],
    ],
    ['batches or channels', {}, [x, null, scales(1, 2, 2, 2)]],
    ['antialiasing', { antialias: int(1), mode: string('linear') }, [x, null, scales(1, 1, 0.5, 0.5)]],
  ] as const) {
    test(`${reason} is refused`, () => {
      const model = modelOf({ operator: 'Resize', opset: 18, inputs, attributes });
      expect(() => importModel(model)).toThrow(reason);
    });
  }
});
