import { describe } from 'vitest';
import { float, int } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, weights } from './operator-case.ts';

describe('activations', () => {
  for (const operator of ['Relu', 'Sigmoid', 'Tanh', 'Softplus', 'HardSwish', 'HardSigmoid', 'LeakyRelu', 'Elu']) {
    agrees(operator, { operator, inputs: [fed([3, 7], { scale: 5 })] });
  }
  agrees('Mish', { operator: 'Mish', opset: 18, inputs: [fed([3, 7], { scale: 5 })] });
  agrees('Gelu', { operator: 'Gelu', opset: 20, inputs: [fed([3, 7], { scale: 5 })], tolerance: 1e-5 });
  for (const operator of ['LeakyRelu', 'Elu']) {
    agrees(`${operator} with alpha`, { operator, inputs: [fed([9])], attributes: { alpha: float(0.3) } });
  }
  agrees('HardSigmoid with alpha and beta', {
    operator: 'HardSigmoid',
    inputs: [fed([9], { scale: 6 })],
    attributes: { alpha: float(0.125), beta: float(0.375) },
  });
  agrees('PRelu with one slope', { operator: 'PRelu', inputs: [fed([2, 3, 2]), constant('float32', [1], [0.25])] });
  agrees('PRelu with a slope per channel', { operator: 'PRelu', inputs: [fed([2, 3, 2]), weights([3, 1])] });
});

describe('Softmax', () => {
  agrees('over the last axis by default', { operator: 'Softmax', inputs: [fed([2, 3, 4])] });
  agrees('over an axis', { operator: 'Softmax', inputs: [fed([2, 3, 4])], attributes: { axis: int(1) } });
  agrees('over all axes from the first by default, before version 13', {
    operator: 'Softmax',
    opset: 11,
    inputs: [fed([2, 3, 4])],
  });
  agrees('over all axes from one on, before version 13', {
    operator: 'Softmax',
    opset: 12,
    inputs: [fed([2, 3, 2, 2])],
    attributes: { axis: int(2) },
  });
  agrees('over the last axis, before version 13', {
    operator: 'Softmax',
    opset: 12,
    inputs: [fed([2, 3, 4])],
    attributes: { axis: int(-1) },
  });
  agrees('in logarithm', { operator: 'LogSoftmax', inputs: [fed([2, 5])] });
});
