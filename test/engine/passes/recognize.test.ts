import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import type { Pass } from '../../../engine/passes/pass.ts';
import { recognizeActivations } from '../../../engine/passes/recognize-activations.ts';
import { recognizeSoftmax } from '../../../engine/passes/recognize-softmax.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

/** The ops that stay, and the notes. */
function recognized(
  pass: Pass,
  build: (builder: NetworkBuilder, x: Value) => Value,
): { ops: string[]; notes: readonly string[] } {
  const builder = new NetworkBuilder();
  const x = builder.binary('multiply', builder.image(4), 5);
  const graph = builder.finish('spelled out', [build(builder, x)]);
  const result = pass.run(graph);
  expectEquivalent(result.graph, graph, 1e-6);
  expect(result.notes.length > 0).toBe(result.graph !== graph);
  return { ops: opsOf(result.graph).slice(1), notes: result.notes };
}

const clip = (minimum: number, maximum: number) => ({ name: 'clip', minimum, maximum }) as const;
const sixth = { name: 'hardSigmoid', alpha: Math.fround(1 / 6), beta: 0.5 } as const;

describe('recognize-activations', () => {
  it.each<[string, string, (b: NetworkBuilder, x: Value) => Value]>([
    ['x * sigmoid(x)', 'silu', (b, x) => b.binary('multiply', x, b.unary('sigmoid', x))],
    ['sigmoid(x) * x', 'silu', (b, x) => b.binary('multiply', b.unary('sigmoid', x), x)],
    ['x * tanh(softplus(x))', 'mish', (b, x) => b.binary('multiply', x, b.unary('tanh', b.unary('softplus', x)))],
    ['tanh(softplus(x)) * x', 'mish', (b, x) => b.binary('multiply', b.unary('tanh', b.unary('softplus', x)), x)],
    ['x * hardSigmoid(x)', 'hardSwish', (b, x) => b.binary('multiply', x, b.unary(sixth, x))],
    [
      'x * clip(x + 3, 0, 6) / 6',
      'hardSwish',
      (b, x) => b.binary('divide', b.binary('multiply', x, b.unary(clip(0, 6), b.binary('add', x, 3))), 6),
    ],
    [
      '(clip(3 + x, 0, 6) / 6) * x',
      'hardSwish',
      (b, x) =>
        b.binary(
          'multiply',
          b.binary('divide', b.unary(clip(0, 6), b.binary('add', b.floats('three', [], [3]), x)), 6),
          x,
        ),
    ],
    ['clip(x, 0, inf)', 'relu', (b, x) => b.unary(clip(0, Infinity), x)],
    ['clip(x, 0, largest)', 'relu', (b, x) => b.unary(clip(0, 3.4028234663852886e38), x)],
    ['max(0, x)', 'relu', (b, x) => b.binary('maximum', b.floats('zero', [], [0]), x)],
    [
      'x * (erf(x / sqrt 2) + 1) * 0.5',
      'gelu',
      (b, x) => {
        const error = b.unary('erf', b.binary('divide', x, Math.SQRT2));
        return b.binary('multiply', b.binary('multiply', x, b.binary('add', error, 1)), 0.5);
      },
    ],
    [
      '(1 + erf(sqrt 0.5 * x)) * (0.5 * x)',
      'gelu',
      (b, x) => {
        const error = b.unary('erf', b.binary('multiply', b.floats('root', [], [Math.SQRT1_2]), x));
        return b.binary(
          'multiply',
          b.binary('add', b.floats('one', [], [1]), error),
          b.binary('multiply', b.floats('half', [], [0.5]), x),
        );
      },
    ],
  ])('%s is %s', (_, name, build) => {
    expect(recognized(recognizeActivations, build).ops).toEqual([name]);
  });

  it('counts what it did', () => {
    const { notes } = recognized(recognizeActivations, (b, x) => {
      const y = b.binary('multiply', x, b.unary('sigmoid', x));
      return b.unary(clip(0, Infinity), b.binary('multiply', y, b.unary('sigmoid', y)));
    });
    expect(notes).toEqual(['x * sigmoid(x) became silu: 2', 'clip(x, 0, inf) became relu: 1']);
  });

  it('keeps a sigmoid that others read too', () => {
    const { ops } = recognized(recognizeActivations, (b, x) => {
      const gate = b.unary('sigmoid', x);
      return b.binary('add', gate, b.binary('multiply', x, gate));
    });
    expect(ops).toEqual(['sigmoid', 'silu', 'add']);
  });

  it.each<[string, (b: NetworkBuilder, x: Value) => Value]>([
    ['the gate of another tensor', (b, x) => b.binary('multiply', b.unary('exp', x), b.unary('sigmoid', x))],
    ['x * sigmoid(1.7 * x)', (b, x) => b.binary('multiply', x, b.unary('sigmoid', b.binary('multiply', x, 1.7)))],
    ['x * clip(x + 3, 0, 6)', (b, x) => b.binary('multiply', x, b.unary(clip(0, 6), b.binary('add', x, 3)))],
    ['x * hardSigmoid(x) of other slope', (b, x) => b.binary('multiply', x, b.unary({ ...sixth, alpha: 0.2 }, x))],
    ['clip(x, 0, 6)', (b, x) => b.unary(clip(0, 6), x)],
    ['max(x, 0.1)', (b, x) => b.binary('maximum', x, 0.1)],
    [
      'x * (1 + erf(x)) / 2',
      (b, x) => b.binary('divide', b.binary('multiply', x, b.binary('add', b.unary('erf', x), 1)), 2),
    ],
  ])('leaves %s', (_, build) => {
    expect(recognized(recognizeActivations, build).notes).toEqual([]);
  });

  it('recognises a scaled activation as the activation, scaled', () => {
    const { ops } = recognized(recognizeActivations, (b, x) =>
      b.binary('multiply', b.binary('multiply', x, b.unary('sigmoid', x)), 3),
    );
    expect(ops).toEqual(['silu', 'multiply']);
  });
});

describe('recognize-softmax', () => {
  const reduce = (b: NetworkBuilder, name: 'sum' | 'maximum', x: Value, axis: number, keepDims = true) =>
    b.apply({ type: 'reduce', function: name, axes: [axis], keepDims }, [x], name);

  it('recognises exp(x - max) / sum', () => {
    const { ops, notes } = recognized(recognizeSoftmax, (b, x) => {
      const exponential = b.unary('exp', b.binary('subtract', x, reduce(b, 'maximum', x, 3)));
      return b.binary('divide', exponential, reduce(b, 'sum', exponential, 3));
    });
    expect(ops).toEqual(['softmax']);
    expect(notes).toEqual(['exp(x - max) / sum became softmax: 1']);
  });

  it('recognises exp(x) / sum, and exp(x - y) / sum as that of x - y', () => {
    expect(
      recognized(recognizeSoftmax, (b, x) => {
        const exponential = b.unary('exp', x);
        return b.binary('divide', exponential, reduce(b, 'sum', exponential, 1));
      }).ops,
    ).toEqual(['softmax']);
    expect(
      recognized(recognizeSoftmax, (b, x) => {
        const exponential = b.unary('exp', b.binary('subtract', x, reduce(b, 'maximum', x, 2)));
        return b.binary('divide', exponential, reduce(b, 'sum', exponential, 1));
      }).ops,
    ).toEqual(['reduce', 'subtract', 'softmax']);
  });

  it('leaves a quotient by the sum of something else', () => {
    expect(
      recognized(recognizeSoftmax, (b, x) =>
        b.binary('divide', b.unary('exp', x), reduce(b, 'sum', b.unary('sigmoid', x), 1)),
      ).notes,
    ).toEqual([]);
  });
});
