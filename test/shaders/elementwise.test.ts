import { describe, expect, it } from 'vitest';
import type { BinaryFunction } from '../../engine/graph/ops/binary.ts';
import type { UnaryFunction } from '../../engine/graph/ops/unary.ts';
import type { DenseTensor, ElementKind } from '../../engine/graph/types.ts';
import { broadcastView, linearView, packedView } from '../../engine/plan/views.ts';
import { elementwise } from '../../shaders/elementwise.ts';
import type { Expression } from '../../shaders/expression.ts';
import type { ElementType, TensorView } from '../../shaders/kernel.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { randomInteger, seeded } from '../support/random.ts';
import { boolTensor, evaluate, floatTensor, intTensor, randomTensor } from '../support/tensors.ts';

const input = (index: number): Expression => ({ type: 'input', input: index });
const constant = (kind: ElementKind, value: number): Expression => ({ type: 'constant', kind, value });
const binary = (fn: BinaryFunction, left: Expression = input(0), right: Expression = input(1)): Expression => ({
  type: 'binary',
  function: fn,
  left,
  right,
});
const unary = (fn: UnaryFunction, operand: Expression = input(0)): Expression => ({
  type: 'unary',
  function: fn,
  operand,
});

function storageOf(tensor: DenseTensor): ElementType {
  return tensor.kind === 'float' ? 'f32' : 'i32';
}

/** Runs an expression in both variants: on row-major tensors (vec4 where the count is a multiple of 4) and on slices. */
async function checkExpression(
  expression: Expression,
  inputs: readonly DenseTensor[],
  expected: DenseTensor,
  tolerance: number,
): Promise<void> {
  const { shape } = expected;
  for (const name of ['row-major', 'every second']) {
    const viewOf = (tensor: DenseTensor): TensorView => {
      const view = viewsOf(shape, storageOf(tensor)).find((candidate) => candidate.name === name)?.view;
      if (!view) throw new Error(`no view ${name}`);
      return view;
    };
    const kernel = await checkKernel(
      (views, [output]) => elementwise({ inputs: views, output, expression }),
      inputs.map((tensor) => ({ tensor, view: viewOf(tensor) })),
      [{ tensor: expected, view: viewOf(expected) }],
      { tolerance },
    );
    expect(kernel.label).toContain(name === 'row-major' ? 'vec4' : 'strided');
  }
}

function integers(seed: number, count: number, minimum: number, maximum: number): DenseTensor {
  const next = seeded(seed);
  return intTensor(
    [count],
    Array.from({ length: count }, () => randomInteger(next, minimum, maximum)),
  );
}

describe('binary functions', () => {
  const arithmetic: BinaryFunction[] = ['add', 'subtract', 'multiply', 'divide', 'minimum', 'maximum'];
  const comparisons: BinaryFunction[] = ['equal', 'less', 'lessOrEqual', 'greater', 'greaterOrEqual'];

  it.each([...arithmetic, ...comparisons])('%s of floats', async (fn) => {
    // Whole numbers, so that some are equal and no quotient is near a pole.
    const a = floatTensor([40], integers(1, 40, -9, 9).data);
    const b = floatTensor(
      [40],
      Array.from(integers(2, 40, -9, 9).data, (value) => value || 1),
    );
    const [expected] = evaluate({ type: 'binary', function: fn }, a, b);
    await checkExpression(binary(fn), [a, b], expected, 1e-6);
  });

  it.each([...arithmetic, ...comparisons, 'modulo'] as BinaryFunction[])('%s of integers', async (fn) => {
    const a = integers(1, 40, -9, 9);
    const b = intTensor(
      [40],
      Array.from(integers(2, 40, -9, 9).data, (value) => value || 3),
    );
    const [expected] = evaluate({ type: 'binary', function: fn }, a, b);
    await checkExpression(binary(fn), [a, b], expected, 0);
  });

  it.each(['and', 'or', 'equal'] as const)('%s of booleans', async (fn) => {
    const a = boolTensor([4], [0, 0, 1, 1]);
    const b = boolTensor([4], [0, 1, 0, 1]);
    const [expected] = evaluate({ type: 'binary', function: fn }, a, b);
    await checkExpression(binary(fn), [a, b], expected, 0);
  });

  it('integers multiply without losing digits', async () => {
    const a = intTensor([4], [65537, -46341, 2147483647, 123456789]);
    const b = intTensor([4], [65537, 46341, 2, 987654321]);
    const [expected] = evaluate({ type: 'binary', function: 'multiply' }, a, b);
    await checkExpression(binary('multiply'), [a, b], expected, 0);
  });

  it('division by zero is infinite or NaN', async () => {
    const a = floatTensor([4], [1, -1, 0, 5]);
    const b = floatTensor([4], [0, 0, 0, Infinity]);
    await checkExpression(binary('divide'), [a, b], floatTensor([4], [Infinity, -Infinity, NaN, 0]), 0);
  });

  it("float modulo is C's fmod", async () => {
    const a = floatTensor([8], [5.5, -5.5, 5.5, -5.5, 0.3, 7, 1e6, -3]);
    const b = floatTensor([8], [2, 2, -2, -2, 0.1, Infinity, 7, 3]);
    const [expected] = evaluate({ type: 'binary', function: 'modulo' }, a, b);
    await checkExpression(binary('modulo'), [a, b], expected, 1e-6);
  });

  describe('power', () => {
    it.each([-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 5])('by the constant %s', async (exponent) => {
      const bases = [0.25, 1.5, 2, 3].concat(Number.isInteger(exponent) ? [-0.25, -1.5, -2, -3] : [1, 4, 9, 0.1]);
      const a = floatTensor([8], bases);
      const [expected] = evaluate({ type: 'binary', function: 'power' }, a, floatTensor([1], [exponent]));
      await checkExpression(binary('power', input(0), constant('float', exponent)), [a], expected, 1e-5);
    });

    it('by another tensor: sign, zero and no value as in C', async () => {
      const a = floatTensor([12], [-2, -2, -2, -2, 0, 0, 2, 3, 1e-3, 10, -1, 7]);
      const b = floatTensor([12], [2, 3, -1, 0.5, 0, 2, 0.5, -2, 2, 4, 1e7, 0]);
      const [expected] = evaluate({ type: 'binary', function: 'power' }, a, b);
      await checkExpression(binary('power'), [a, b], expected, 1e-5);
    });

    it('of integers', async () => {
      const a = intTensor([8], [2, -2, 3, 0, 7, -1, 1, 2]);
      const b = intTensor([8], [10, 3, 4, 0, 1, -3, -5, -1]);
      await checkExpression(binary('power'), [a, b], intTensor([8], [1024, -8, 81, 1, 7, -1, 1, 0]), 0);
    });
  });
});

describe('unary functions', () => {
  const functions: UnaryFunction[] = [
    { name: 'silu' },
    { name: 'sigmoid' },
    { name: 'exp' },
    { name: 'tanh' },
    { name: 'gelu' },
    { name: 'round' },
    { name: 'leakyRelu', alpha: 0.1 },
    { name: 'clip', minimum: -1, maximum: 2 },
    { name: 'quantize', scale: 0.5, zeroPoint: 3, minimum: 0, maximum: 15 },
  ];
  it.each(functions.map((fn) => [fn.name, fn] as const))('%s of floats', async (_, fn) => {
    const x = randomTensor(7, [64], 5);
    const [expected] = evaluate({ type: 'unary', function: fn }, x);
    await checkExpression(unary(fn), [x], expected, 1e-5);
  });

  const ofIntegers: UnaryFunction[] = [
    { name: 'relu' },
    { name: 'negate' },
    { name: 'absolute' },
    { name: 'clip', minimum: -2, maximum: Infinity },
    { name: 'clip', minimum: -Infinity, maximum: 3 },
  ];
  it.each(ofIntegers.map((fn) => [fn.name, fn] as const))('%s of integers', async (_, fn) => {
    const x = integers(3, 20, -6, 6);
    const [expected] = evaluate({ type: 'unary', function: fn }, x);
    await checkExpression(unary(fn), [x], expected, 0);
  });

  it('not of booleans', async () => {
    await checkExpression(unary({ name: 'not' }), [boolTensor([4], [0, 1, 1, 0])], boolTensor([4], [1, 0, 0, 1]), 0);
  });
});

describe('select and cast', () => {
  it('selects by a boolean', async () => {
    const condition = boolTensor([8], [1, 0, 0, 1, 1, 1, 0, 0]);
    const a = randomTensor(1, [8]);
    const b = randomTensor(2, [8]);
    const [expected] = evaluate({ type: 'select' }, condition, a, b);
    const expression: Expression = { type: 'select', condition: input(0), whenTrue: input(1), whenFalse: input(2) };
    await checkExpression(expression, [condition, a, b], expected, 0);
  });

  it.each(['float', 'int', 'bool'] as const)('casts anything to %s', async (to) => {
    const expression: Expression = { type: 'cast', to, operand: input(0) };
    for (const x of [floatTensor([8], [-1.9, -0.5, 0, 0.5, 1.9, 100, -7, 3]), integers(4, 8, -1, 1)]) {
      const [expected] = evaluate({ type: 'cast', to }, x);
      await checkExpression(expression, [x], expected, 0);
    }
  });
});

describe('expressions', () => {
  const x = input(0);
  // (x - mean) * sigmoid(x) where x > 0.5, else a constant.
  const difference = binary('subtract', x, input(1));
  const chain: Expression = {
    type: 'select',
    condition: binary('greater', difference, constant('float', 0.5)),
    whenTrue: binary('multiply', difference, unary({ name: 'sigmoid' }, difference)),
    whenFalse: constant('float', -0.25),
  };
  const evaluateChain = (a: number, b: number) => (a - b > 0.5 ? (a - b) / (1 + Math.exp(b - a)) : -0.25);

  it('compute what occurs twice once', () => {
    const view = linearView([4], 'f32');
    const { body } = elementwise({ inputs: [view, view], output: view, expression: chain });
    expect(body.match(/ - /g)).toHaveLength(1);
    expect(body.match(/x0\[/g)).toHaveLength(1);
  });

  it('of constants alone are parameters, so that layers share a pipeline', () => {
    const view = linearView([4], 'f32');
    const kernelOf = (value: number) =>
      elementwise({ inputs: [view], output: view, expression: binary('add', x, constant('float', value)) });
    expect(kernelOf(1).body).toBe(kernelOf(2).body);
    expect(kernelOf(2).parameters).toContainEqual({ name: 'constant0', type: 'f32', value: 2 });
  });

  it.each([[[2, 7, 3, 5]], [[1, 8, 4, 4]], [[1, 5, 1, 1]], [[3, 1, 2, 2]]])(
    'on every pair of views of [%s], with per-channel, per-pixel and scalar operands',
    async (shape) => {
      const a = randomTensor(11, shape, 2);
      const operands = [shape, [1, shape[1], 1, 1], [1, 1, ...shape.slice(2)], [1, 1, 1, 1]];
      for (const operand of operands) {
        const b = randomTensor(12, operand, 2);
        const data = broadcastData(b, shape).map((value, i) => evaluateChain(a.data[i], value));
        for (const first of viewsOf(shape, 'f32')) {
          for (const target of viewsOf(shape, 'f32')) {
            const second = operand === shape ? first.view : linearView(operand, 'f32');
            const padTo4 = target.ownsPadding ? 1 : undefined;
            await checkKernel(
              (views, [output]) =>
                elementwise({
                  inputs: [views[0], broadcastView(views[1], shape)],
                  output,
                  expression: chain,
                  padTo4,
                }),
              [
                { tensor: a, view: first.view },
                { tensor: b, view: second },
              ],
              [{ tensor: floatTensor(shape, data), view: target.view, padTo4 }],
              { tolerance: 1e-6 },
            );
          }
        }
      }
    },
  );

  it('keeps padding lanes at zero where the function of them has no value', async () => {
    const shape = [1, 3, 2, 2];
    const tensor = floatTensor(shape, new Array(12).fill(2));
    const view = packedView(shape, 'f32');
    // What lies in the padding of the input is not zero, and its reciprocal must not come out.
    const kernel = await checkKernel(
      ([a], [output]) => elementwise({ inputs: [a], output, expression: unary({ name: 'reciprocal' }), padTo4: 1 }),
      [{ tensor, view }],
      [{ tensor: floatTensor(shape, new Array(12).fill(0.5)), view, padTo4: 1 }],
    );
    expect(kernel.label).toContain('vec4');
  });

  it.each([true, false])('stores float16, computes in float32 (one allocation: %s)', async (shared) => {
    const shape = [1, 6, 3, 3];
    const a = storedAs('f16', randomTensor(1, shape, 3));
    const b = storedAs('f16', randomTensor(2, shape, 3));
    const expected = floatTensor(
      shape,
      Array.from(a.data, (value, i) => evaluateChain(value, b.data[i])),
    );
    for (const { view } of viewsOf(shape, 'f16')) {
      await checkKernel(
        (inputs, [output]) => elementwise({ inputs, output, expression: chain }),
        [
          { tensor: a, view },
          { tensor: b, view: packedView(shape, 'f16') },
        ],
        [{ tensor: expected, view }],
        { shared },
      );
    }
  });

  it('mixes storage types', async () => {
    const a = storedAs('f16', randomTensor(1, [8], 3));
    const b = randomTensor(2, [8], 3);
    const [expected] = evaluate({ type: 'binary', function: 'add' }, a, b);
    await checkKernel(
      (inputs, [output]) => elementwise({ inputs, output, expression: binary('add') }),
      [
        { tensor: a, view: linearView([8], 'f16') },
        { tensor: b, view: linearView([8], 'f32') },
      ],
      [{ tensor: expected, view: linearView([8], 'f32') }],
      { tolerance: 1e-6 },
    );
  });

  it('refuses kinds that do not fit', () => {
    const floats = linearView([4], 'f32');
    const ints = linearView([4], 'i32');
    const build = (expression: Expression, output: TensorView) => () =>
      elementwise({ inputs: [floats, ints], output, expression });
    expect(build(binary('add'), floats)).toThrow('cast one of them');
    expect(build(binary('less', x, x), floats)).toThrow("can't be stored as f32");
    expect(build(input(0), ints)).toThrow("can't be stored as i32");
    expect(build(input(2), floats)).toThrow('reads input 2 of 2');
    expect(build(unary({ name: 'exp' }, input(1)), ints)).toThrow('exp of integers');
    expect(() => elementwise({ inputs: new Array(8).fill(floats), output: floats, expression: x })).toThrow(
      'at most 7',
    );
  });
});

function broadcastData(tensor: DenseTensor, shape: readonly number[]): number[] {
  const strides = broadcastView(linearView(tensor.shape, 'f32'), shape).strides;
  const result: number[] = [];
  const count = shape.reduce((a, b) => a * b, 1);
  for (let index = 0; index < count; index++) {
    let rest = index;
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    result.push(tensor.data[at]);
  }
  return result;
}
