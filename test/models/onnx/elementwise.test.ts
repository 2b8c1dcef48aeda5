import { describe } from 'vitest';
import { float, int } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, given, int64s, scalar, weights } from './operator-case.ts';

describe('arithmetic', () => {
  for (const operator of ['Add', 'Sub', 'Mul', 'Div']) {
    agrees(`${operator} broadcasts`, { operator, inputs: [fed([2, 3, 4]), weights([3, 1])] });
    agrees(`${operator} of integers`, {
      operator,
      inputs: [given('int64', [4], [7, -7, 100, 0]), given('int64', [4], [2, 2, -3, 5])],
      outputs: ['int64'],
    });
  }
  agrees('Add of int8 wraps', {
    operator: 'Add',
    inputs: [given('int8', [6], [100, -100, 5, 127, -128, -128]), constant('int8', [6], [100, -100, 5, 1, -1, -128])],
    outputs: ['int8'],
  });
  agrees('Sub of uint8 wraps', {
    operator: 'Sub',
    inputs: [given('uint8', [4], [1, 0, 255, 7]), constant('uint8', [4], [2, 255, 0, 7])],
    outputs: ['uint8'],
  });
  for (const exponent of [2, 0.5, 3, -1]) {
    const base = given('float32', [4], [0.5, 1, 2.25, 9]);
    agrees(`Pow ${exponent}`, { operator: 'Pow', inputs: [base, scalar('float32', exponent)], tolerance: 1e-3 });
  }
  agrees('Pow 2 of negative numbers', { operator: 'Pow', inputs: [fed([5]), scalar('float32', 2)] });
  agrees('Pow with an integer exponent', { operator: 'Pow', inputs: [fed([5]), int64s(3)] });
  const dividends = given('int64', [6], [7, -7, 7, -7, 0, 80]);
  const divisors = given('int64', [6], [3, 3, -3, -3, 5, 80]);
  agrees('Mod of integers', { operator: 'Mod', inputs: [dividends, divisors], outputs: ['int64'] });
  agrees('Mod of integers as fmod', {
    operator: 'Mod',
    inputs: [dividends, divisors],
    attributes: { fmod: int(1) },
    outputs: ['int64'],
  });
  agrees('Mod of floats', { operator: 'Mod', inputs: [fed([6]), weights([6])], attributes: { fmod: int(1) } });
  for (const operator of ['Min', 'Max', 'Sum', 'Mean']) {
    agrees(`${operator} of three`, { operator, inputs: [fed([2, 3]), weights([3]), weights([2, 1], 5)] });
    agrees(`${operator} of one`, { operator, inputs: [fed([2, 3])] });
  }
  agrees('Sum before it broadcast', { operator: 'Sum', opset: 7, inputs: [fed([2, 3]), weights([2, 3])] });
});

describe('comparison and logic', () => {
  const numbers = [fed([3, 2]), constant('float32', [2], [0, 0.5])];
  for (const operator of ['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Equal']) {
    agrees(operator, { operator, inputs: numbers, outputs: ['bool'] });
  }
  agrees('Equal of integers', {
    operator: 'Equal',
    inputs: [given('int64', [3], [1, 2, 3]), int64s(1, 5, 3)],
    outputs: ['bool'],
  });
  const flags = [given('bool', [4], [0, 0, 1, 1]), given('bool', [4], [0, 1, 0, 1])];
  for (const operator of ['And', 'Or', 'Xor']) agrees(operator, { operator, inputs: flags, outputs: ['bool'] });
  agrees('Not', { operator: 'Not', inputs: [flags[0]], outputs: ['bool'] });
  agrees('Where', { operator: 'Where', inputs: [given('bool', [2, 1], [1, 0]), fed([2, 3]), weights([3])] });
});

describe('functions of one element', () => {
  for (const operator of ['Exp', 'Neg', 'Abs', 'Erf', 'Floor', 'Ceil', 'Round', 'Sin', 'Cos', 'Reciprocal']) {
    agrees(operator, { operator, inputs: [fed([3, 5])], tolerance: 1e-4 });
  }
  for (const operator of ['Log', 'Sqrt']) agrees(operator, { operator, inputs: [given('float32', [3], [0.25, 1, 7])] });
  agrees('Round of halves', { operator: 'Round', inputs: [given('float32', [5], [0.5, 1.5, 2.5, -0.5, -1.5])] });
  agrees('Clip by attributes', {
    operator: 'Clip',
    opset: 7,
    inputs: [fed([8])],
    attributes: { min: float(-0.5), max: float(1) },
  });
  agrees('Clip by inputs', { operator: 'Clip', inputs: [fed([8]), scalar('float32', -0.5), scalar('float32', 1)] });
  agrees('Clip from above only', { operator: 'Clip', inputs: [fed([8]), null, scalar('float32', 1)] });
  agrees('Clip from below only', { operator: 'Clip', inputs: [fed([8]), scalar('float32', 0)] });
  agrees('Clip by computed bounds', {
    operator: 'Clip',
    inputs: [fed([8]), given('float32', [], [-0.25]), given('float32', [], [0.25])],
  });
  agrees('Clip of integers', {
    operator: 'Clip',
    inputs: [given('int64', [3], [-5, 0, 5]), scalar('int64', -1), scalar('int64', 2)],
    outputs: ['int64'],
  });
});

describe('Cast', () => {
  const numbers = given('float32', [5], [-1.7, -0.2, 0, 0.9, 3.5]);
  for (const [code, type] of [
    [6, 'int32'],
    [7, 'int64'],
    [9, 'bool'],
    [1, 'float32'],
  ] as const) {
    agrees(`to ${type}`, { operator: 'Cast', inputs: [numbers], attributes: { to: int(code) }, outputs: [type] });
  }
  agrees('of positive floats to uint8', {
    operator: 'Cast',
    inputs: [given('float32', [3], [0, 1.9, 254.5])],
    attributes: { to: int(2) },
    outputs: ['uint8'],
  });
  agrees('of integers to float', {
    operator: 'Cast',
    inputs: [given('int64', [2], [-3, 70000])],
    attributes: { to: int(1) },
  });
  agrees('of booleans to float', {
    operator: 'Cast',
    inputs: [given('bool', [2], [0, 1])],
    attributes: { to: int(1) },
  });
  agrees('of uint8 to float', {
    operator: 'Cast',
    inputs: [given('uint8', [2], [0, 255])],
    attributes: { to: int(1) },
  });
});
