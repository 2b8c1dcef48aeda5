import { describe } from 'vitest';
import { float, int, ints } from '../../support/onnx-writer.ts';
import { agrees, fed, int64s, weights } from './operator-case.ts';

describe('reductions', () => {
  const operators = [
    'ReduceMax',
    'ReduceMin',
    'ReduceMean',
    'ReduceProd',
    'ReduceSum',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
  ];
  for (const operator of operators) {
    agrees(`${operator} by attribute`, {
      operator,
      opset: 11,
      inputs: [fed([2, 3, 4])],
      attributes: { axes: ints(-1, 0), keepdims: int(0) },
    });
    agrees(`${operator} by input`, { operator, opset: 18, inputs: [fed([2, 3, 4]), int64s(1)] });
    agrees(`${operator} of everything`, { operator, inputs: [fed([2, 3, 4])] });
  }
  agrees('ReduceSum by input before the others', {
    operator: 'ReduceSum',
    opset: 13,
    inputs: [fed([2, 3]), int64s(1)],
  });
  agrees('ReduceSum of no axes', {
    operator: 'ReduceSum',
    inputs: [fed([2, 3])],
    attributes: { noop_with_empty_axes: int(1) },
  });
});

describe('normalisations', () => {
  const perChannel = [weights([3], 2), weights([3], 3)] as const;
  agrees('BatchNormalization', {
    operator: 'BatchNormalization',
    inputs: [fed([2, 3, 4, 4]), ...perChannel, weights([3], 4), { ...weights([3]), data: [0.5, 1, 2] }],
    attributes: { epsilon: float(1e-3) },
  });
  agrees('BatchNormalization in version 7', {
    operator: 'BatchNormalization',
    opset: 7,
    inputs: [fed([2, 3, 4, 4]), ...perChannel, weights([3], 4), { ...weights([3]), data: [0.5, 1, 2] }],
  });
  agrees('InstanceNormalization', { operator: 'InstanceNormalization', inputs: [fed([2, 3, 4, 5]), ...perChannel] });
  agrees('LayerNormalization', { operator: 'LayerNormalization', inputs: [fed([2, 4, 3]), ...perChannel] });
  agrees('LayerNormalization over two axes, without bias', {
    operator: 'LayerNormalization',
    inputs: [fed([2, 4, 3]), weights([4, 3])],
    attributes: { axis: int(-2), epsilon: float(0.01) },
  });
  agrees('GroupNormalization with scales for each channel', {
    operator: 'GroupNormalization',
    opset: 21,
    inputs: [fed([2, 6, 4, 5]), weights([6], 2), weights([6], 3)],
    attributes: { num_groups: int(3) },
  });
});
