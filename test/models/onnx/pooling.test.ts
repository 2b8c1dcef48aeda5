import { describe, expect, test } from 'vitest';
import { int, ints, string } from '../../support/onnx-writer.ts';
import { agrees, fed, importModel, modelOf } from './operator-case.ts';

for (const operator of ['MaxPool', 'AveragePool']) {
  describe(operator, () => {
    const kernel = { kernel_shape: ints(3, 3) };
    agrees('without padding', { operator, inputs: [fed([1, 2, 6, 7])], attributes: kernel });
    agrees('with padding and strides', {
      operator,
      inputs: [fed([2, 2, 7, 7])],
      attributes: { ...kernel, pads: ints(1, 0, 1, 2), strides: ints(2, 3) },
    });
    for (const size of [5, 6, 7, 8]) {
      agrees(`in ceil mode over ${size} pixels`, {
        operator,
        inputs: [fed([1, 1, size, size])],
        attributes: { kernel_shape: ints(2, 3), strides: ints(2, 2), ceil_mode: int(1) },
      });
    }
    agrees('in ceil mode with padding', {
      operator,
      inputs: [fed([1, 1, 8, 8])],
      attributes: { ...kernel, pads: ints(1, 1, 1, 1), strides: ints(2, 2), ceil_mode: int(1) },
    });
    for (const mode of ['SAME_UPPER', 'SAME_LOWER', 'VALID']) {
      agrees(`auto_pad ${mode}`, {
        operator,
        inputs: [fed([1, 2, 7, 8])],
        attributes: { kernel_shape: ints(3, 2), strides: ints(2, 2), auto_pad: string(mode) },
      });
    }

    test('over three dimensions is refused', () => {
      const model = modelOf({ operator, inputs: [fed([1, 2, 4, 4, 4])], attributes: { kernel_shape: ints(2, 2, 2) } });
      expect(() => importModel(model)).toThrow(/3 spatial dimensions is not supported/);
    });
  });
}

describe('AveragePool counting padding', () => {
  const attributes = { kernel_shape: ints(3, 3), count_include_pad: int(1), strides: ints(2, 2) };
  agrees('with padding', {
    operator: 'AveragePool',
    inputs: [fed([1, 2, 6, 7])],
    attributes: { ...attributes, pads: ints(1, 1, 1, 1) },
  });
  agrees('in ceil mode', {
    operator: 'AveragePool',
    opset: 19,
    inputs: [fed([1, 1, 6, 8])],
    attributes: { ...attributes, ceil_mode: int(1) },
  });
  agrees('in ceil mode with padding', {
    operator: 'AveragePool',
    opset: 19,
    inputs: [fed([1, 1, 8, 6])],
    attributes: { ...attributes, pads: ints(1, 1, 1, 1), ceil_mode: int(1) },
  });
});

describe('pooling of whole maps', () => {
  for (const operator of ['GlobalAveragePool', 'GlobalMaxPool'])
    agrees(operator, { operator, inputs: [fed([2, 3, 4, 5])] });
});
