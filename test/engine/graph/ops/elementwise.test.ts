import { describe, expect, it } from 'vitest';
import { evaluateUnary } from '../../../../engine/graph/functions.ts';
import type { Binary, BinaryFunction } from '../../../../engine/graph/ops/binary.ts';
import { binary } from '../../../../engine/graph/ops/binary.ts';
import { cast } from '../../../../engine/graph/ops/cast.ts';
import { select } from '../../../../engine/graph/ops/select.ts';
import type { UnaryFunction } from '../../../../engine/graph/ops/unary.ts';
import { unary } from '../../../../engine/graph/ops/unary.ts';
import { ShapeError } from '../../../../engine/graph/types.ts';
import { runOperator } from '../../../support/onnx-operator.ts';
import { float, type OnnxAttribute } from '../../../support/onnx-writer.ts';
import {
  boolTensor,
  evaluate,
  expectClose,
  floatTensor,
  intTensor,
  randomTensor,
  valuesOf,
} from '../../../support/tensors.ts';

const binaryOf = (name: BinaryFunction): Binary => ({ type: 'binary', function: name });

describe('unary', () => {
  const awkward = [-100, -6, -3, -2.5, -1.5, -0.5, -1e-6, 0, 1e-6, 0.5, 1.5, 2.5, 2.999, 3, 6.5, 50];

  it.each<[string, UnaryFunction, Record<string, OnnxAttribute>?]>([
    ['Relu', { name: 'relu' }],
    ['Sigmoid', { name: 'sigmoid' }],
    ['Mish', { name: 'mish' }],
    ['HardSwish', { name: 'hardSwish' }],
    ['Tanh', { name: 'tanh' }],
    ['Softplus', { name: 'softplus' }],
    ['Exp', { name: 'exp' }],
    ['Neg', { name: 'negate' }],
    ['Abs', { name: 'absolute' }],
    ['Erf', { name: 'erf' }],
    ['Floor', { name: 'floor' }],
    ['Ceil', { name: 'ceil' }],
    ['Round', { name: 'round' }],
    ['Sin', { name: 'sin' }],
    ['Cos', { name: 'cos' }],
    ['Gelu', { name: 'gelu' }],
    ['LeakyRelu', { name: 'leakyRelu', alpha: 0.1 }, { alpha: float(0.1) }],
    ['Elu', { name: 'elu', alpha: 0.7 }, { alpha: float(0.7) }],
    ['HardSigmoid', { name: 'hardSigmoid', alpha: 0.3, beta: 0.4 }, { alpha: float(0.3), beta: float(0.4) }],
  ])('%s as ONNX Runtime', async (operator, fn, attributes) => {
    const values = operator === 'Exp' ? awkward.filter((x) => x < 10) : awkward;
    const x = floatTensor([values.length], values);
    const [expected] = await runOperator(operator, [x], { attributes, opset: 20 });
    expectClose(evaluate({ type: 'unary', function: fn }, x)[0], expected, 2e-6);
  });

  it.each(['Log', 'Sqrt', 'Reciprocal'] as const)('%s of positive numbers as ONNX Runtime', async (operator) => {
    const x = floatTensor([5], [1e-3, 0.5, 1, 7, 1e4]);
    const [expected] = await runOperator(operator, [x]);
    const name = operator.toLowerCase() as 'log' | 'sqrt' | 'reciprocal';
    expectClose(evaluate({ type: 'unary', function: { name } }, x)[0], expected, 2e-6);
  });

  it('erf to double precision', () => {
    // Python's math.erf, that is the C library's.
    const known = [
      [0, 0],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [2.9999, 0.9999778955735178],
      [3, 0.9999779095030014],
      [4, 0.9999999845827421],
      [7, 1],
    ];
    for (const [x, expected] of known) {
      expect(evaluateUnary({ name: 'erf' }, x)).toBeCloseTo(expected, 12);
      expect(evaluateUnary({ name: 'erf' }, -x)).toBeCloseTo(-expected, 12);
    }
    expect(evaluateUnary({ name: 'erf' }, Number.NaN)).toBeNaN();
  });

  it('does not overflow where the result is finite', () => {
    const of = (name: 'sigmoid' | 'softplus' | 'silu' | 'mish', x: number) => evaluateUnary({ name }, x);
    expect(of('sigmoid', -1000)).toBe(0);
    expect(of('sigmoid', 1000)).toBe(1);
    expect(of('softplus', 1000)).toBe(1000);
    expect(of('softplus', -1000)).toBe(0);
    expect(of('silu', -1000)).toBeCloseTo(0, 12);
    expect(of('mish', 1000)).toBe(1000);
    expect(of('silu', 1)).toBeCloseTo(0.7310585786300049, 15);
  });

  it('quantizes with halves to even, saturating', () => {
    const quantize: UnaryFunction = { name: 'quantize', scale: 0.5, zeroPoint: 10, minimum: 0, maximum: 15 };
    const x = floatTensor([6], [0.25, 0.75, -0.25, 100, -100, 1]);
    expect(valuesOf({ type: 'unary', function: quantize }, x)).toEqual([10, 12, 10, 15, 0, 12]);
  });

  it('quantizes the float32 quotient', async () => {
    const scale = Math.fround(0.1);
    const x = floatTensor(
      [40],
      Array.from({ length: 40 }, (_, i) => Math.fround(0.05 + 0.1 * i)),
    );
    const inputs = [x, floatTensor([], [scale]), intTensor([], [3])];
    const [expected] = await runOperator('QuantizeLinear', inputs, {
      types: ['float32', 'float32', 'uint8'],
      outputs: ['uint8'],
    });
    const quantize: UnaryFunction = { name: 'quantize', scale, zeroPoint: 3, minimum: 0, maximum: 255 };
    expect(valuesOf({ type: 'unary', function: quantize }, x)).toEqual(Array.from(expected.data));
  });

  it('dequantizes and clips', () => {
    const dequantize: UnaryFunction = { name: 'dequantize', scale: 0.5, zeroPoint: 10 };
    expect(valuesOf({ type: 'unary', function: dequantize }, floatTensor([2], [10, 13]))).toEqual([0, 1.5]);
    const clip: UnaryFunction = { name: 'clip', minimum: 2, maximum: Infinity };
    expect(valuesOf({ type: 'unary', function: clip }, intTensor([3], [-1, 2, 9]))).toEqual([2, 2, 9]);
  });

  it('checks the kind of its input', () => {
    expect(() => unary.infer({ type: 'unary', function: { name: 'sigmoid' } }, [intTensor([1])])).toThrow(
      /sigmoid must be float, it is int/,
    );
    expect(valuesOf({ type: 'unary', function: { name: 'not' } }, boolTensor([2], [0, 1]))).toEqual([1, 0]);
    expect(() => unary.infer({ type: 'unary', function: { name: 'not' } }, [floatTensor([1])])).toThrow(ShapeError);
  });
});

describe('binary', () => {
  it.each([
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
    [[2, 3, 4], []],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[4], [2, 3, 1]],
    [
      [5, 1, 3, 1],
      [1, 2, 1, 4],
    ],
    [[1, 1], [1]],
  ])('broadcasts [%s] and [%s]', async (shapeA, shapeB) => {
    const [a, b] = [randomTensor(1, shapeA), randomTensor(2, shapeB)];
    const [expected] = await runOperator('Sub', [a, b]);
    expectClose(evaluate(binaryOf('subtract'), a, b)[0], expected, 1e-7);
  });

  it.each([
    ['Add', 'add'],
    ['Sub', 'subtract'],
    ['Mul', 'multiply'],
    ['Div', 'divide'],
  ] as const)('%s of integers as ONNX Runtime', async (operator, name) => {
    const inputs = [intTensor([6], [7, -7, 7, -7, 6, 0]), intTensor([6], [2, 2, -2, -2, 3, 5])];
    const [expected] = await runOperator(operator, inputs, { outputs: ['int64'] });
    expectClose(evaluate(binaryOf(name), ...inputs)[0], expected, 0);
  });

  it('takes the modulo of integers with the sign of the divisor, of floats with that of the dividend', () => {
    const [a, b] = [
      [7, -7, 7, -7],
      [3, 3, -3, -3],
    ];
    expect(valuesOf(binaryOf('modulo'), intTensor([4], a), intTensor([4], b))).toEqual([1, 2, -2, -1]);
    expect(valuesOf(binaryOf('modulo'), floatTensor([4], a), floatTensor([4], b))).toEqual([1, -1, 1, -1]);
  });

  it('computes powers, extremes and comparisons', () => {
    const [a, b] = [floatTensor([3], [-2, 3, 4]), floatTensor([3], [2, 3, 0.5])];
    expect(valuesOf(binaryOf('power'), a, b)).toEqual([4, 27, 2]);
    expect(valuesOf(binaryOf('minimum'), a, b)).toEqual([-2, 3, 0.5]);
    expect(valuesOf(binaryOf('maximum'), a, b)).toEqual([2, 3, 4]);
    expect(valuesOf(binaryOf('equal'), a, b)).toEqual([0, 1, 0]);
    expect(valuesOf(binaryOf('less'), a, b)).toEqual([1, 0, 0]);
    expect(valuesOf(binaryOf('lessOrEqual'), a, b)).toEqual([1, 1, 0]);
    expect(valuesOf(binaryOf('greater'), a, b)).toEqual([0, 0, 1]);
    expect(valuesOf(binaryOf('greaterOrEqual'), a, b)).toEqual([0, 1, 1]);
    const [p, q] = [boolTensor([4], [0, 0, 1, 1]), boolTensor([4], [0, 1, 0, 1])];
    expect(valuesOf(binaryOf('and'), p, q)).toEqual([0, 0, 0, 1]);
    expect(valuesOf(binaryOf('or'), p, q)).toEqual([0, 1, 1, 1]);
  });

  it('accepts tensors without elements', () => {
    expect(valuesOf(binaryOf('add'), floatTensor([0, 3]), floatTensor([3]))).toEqual([]);
  });

  it.each([
    ['shapes that do not broadcast', 'add', floatTensor([2, 3]), floatTensor([2]), /don't broadcast: dimension 1/],
    ['inputs of two kinds', 'add', floatTensor([2]), intTensor([2]), /one kind, they are float and int/],
    ['arithmetic of booleans', 'add', boolTensor([1], [1]), boolTensor([1], [1]), /must be float or int/],
    ['logic of numbers', 'and', intTensor([1]), intTensor([1]), /must be bool/],
  ] as const)('refuses %s', (_, name, a, b, message) => {
    expect(() => binary.infer(binaryOf(name), [a, b])).toThrow(ShapeError);
    expect(() => binary.infer(binaryOf(name), [a, b])).toThrow(message);
  });
});

describe('cast', () => {
  it('truncates and saturates floats, and tests against 0', () => {
    const x = floatTensor([6], [1.9, -1.9, 1e12, -1e12, Number.NaN, 0]);
    expect(valuesOf({ type: 'cast', to: 'int' }, x)).toEqual([1, -1, 2147483647, -2147483648, 0, 0]);
    expect(valuesOf({ type: 'cast', to: 'bool' }, x)).toEqual([1, 1, 1, 1, 1, 0]);
    expect(valuesOf({ type: 'cast', to: 'float' }, boolTensor([2], [1, 0]))).toEqual([1, 0]);
    expect(cast.cost({ type: 'cast', to: 'int' }, [x], [x])).toEqual({ flops: 0 });
  });
});

describe('select', () => {
  it('broadcasts all three inputs', async () => {
    const inputs = [boolTensor([2, 1], [1, 0]), floatTensor([3], [1, 2, 3]), floatTensor([4, 1, 1], [-1, -2, -3, -4])];
    const [expected] = await runOperator('Where', inputs);
    expectClose(evaluate({ type: 'select' }, ...inputs)[0], expected, 0);
  });

  it('refuses a condition that is no boolean, and branches of two kinds', () => {
    const condition = boolTensor([1], [1]);
    expect(() => select.infer({ type: 'select' }, [floatTensor([1]), floatTensor([1]), floatTensor([1])])).toThrow(
      /condition must be bool/,
    );
    expect(() => select.infer({ type: 'select' }, [condition, floatTensor([1]), intTensor([1])])).toThrow(
      /b must be float, it is int/,
    );
  });
});
