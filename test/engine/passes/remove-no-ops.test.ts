import { describe, expect, it } from 'vitest';
import type { Op } from '../../../engine/graph/op.ts';
import type { Value } from '../../../engine/graph/types.ts';
import { removeNoOps } from '../../../engine/passes/remove-no-ops.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

/** The ops that stay of relu -> what `build` adds -> relu. */
function remaining(build: (builder: NetworkBuilder, x: Value) => Value): string[] {
  const builder = new NetworkBuilder();
  const x = builder.unary('relu', builder.image(2, 3, 4));
  const graph = builder.finish('no-ops', [builder.unary('relu', build(builder, x))]);
  const { graph: rewritten } = removeNoOps.run(graph);
  expectEquivalent(rewritten, graph, 0);
  return opsOf(rewritten).slice(1, -1);
}

const slice: Op = { type: 'slice', starts: [0, 0, 0, 0], sizes: [1, 2, 3, 4], steps: [1, 1, 1, 1] };
const resize: Op = {
  type: 'resize2d',
  size: [3, 4],
  scales: [1, 1],
  mode: 'linear',
  coordinates: 'halfPixel',
  rounding: 'floor',
};

describe('remove-no-ops', () => {
  it.each<[string, Op]>([
    ['reshape', { type: 'reshape', shape: [1, 2, 3, 4] }],
    ['transpose', { type: 'transpose', permutation: [0, 1, 2, 3] }],
    ['slice', slice],
    ['cast', { type: 'cast', to: 'float' }],
    ['expand', { type: 'expand', shape: [1, 2, 3, 4] }],
    ['pad', { type: 'pad', before: [0, 0, 0, 0], after: [0, 0, 0, 0], value: 1 }],
    ['concat', { type: 'concat', axis: 1 }],
    ['resize2d', resize],
    ['reduce', { type: 'reduce', function: 'maximum', axes: [0], keepDims: true }],
    ['maxPool2d', { type: 'maxPool2d', kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] }],
    ['clip', { type: 'unary', function: { name: 'clip', minimum: -Infinity, maximum: Infinity } }],
  ])('removes an identity %s', (_, op) => {
    expect(remaining((builder, x) => builder.apply(op, [x], 'identity'))).toEqual([]);
  });

  it('removes x + 0, x - 0, x * 1, x / 1 and x ** 1', () => {
    for (const [name, number] of [
      ['add', 0],
      ['subtract', 0],
      ['multiply', 1],
      ['divide', 1],
      ['power', 1],
    ] as const) {
      expect(remaining((builder, x) => builder.binary(name, x, number))).toEqual([]);
    }
    expect(remaining((builder, x) => builder.binary('multiply', builder.floats('one', [2, 1, 1], [1, 1]), x))).toEqual(
      [],
    );
  });

  it('keeps what changes something', () => {
    expect(remaining((builder, x) => builder.binary('subtract', builder.floats('zero', [], [0]), x))).toEqual([
      'subtract',
    ]);
    expect(remaining((builder, x) => builder.binary('divide', builder.floats('one', [], [1]), x))).toEqual(['divide']);
    expect(remaining((builder, x) => builder.binary('add', x, 1e-6))).toEqual(['add']);
    expect(
      remaining((builder, x) => builder.binary('multiply', x, builder.floats('ones', [2, 2, 1, 1], [1, 1, 1, 1]))),
    ).toEqual(['multiply']);
    expect(
      remaining((builder, x) =>
        builder.apply({ ...slice, starts: [0, 0, 2, 0], steps: [1, 1, -1, 1] }, [x], 'reversed'),
      ),
    ).toEqual(['slice']);
    const quantize = { name: 'quantize', scale: 1, zeroPoint: 0, minimum: 0, maximum: 255 } as const;
    const dequantize = { name: 'dequantize', scale: 1, zeroPoint: 0 } as const;
    expect(remaining((builder, x) => builder.unary(dequantize, builder.unary(quantize, x)))).toEqual([
      'quantize',
      'dequantize',
    ]);
  });

  it('joins reshapes, and drops those that come back', () => {
    const to = (...shape: number[]): Op => ({ type: 'reshape', shape });
    expect(
      remaining((builder, x) => {
        const flat = builder.apply(to(24), [x], 'flat');
        return builder.apply(to(2, 12), [builder.apply(to(4, 6), [flat], 'square')], 'end');
      }),
    ).toEqual(['reshape']);
    expect(
      remaining((builder, x) => builder.apply(to(1, 2, 3, 4), [builder.apply(to(24), [x], 'flat')], 'back')),
    ).toEqual([]);
  });

  it('joins transposes, and drops those that come back', () => {
    const by = (...permutation: number[]): Op => ({ type: 'transpose', permutation });
    expect(
      remaining((builder, x) => builder.apply(by(0, 2, 3, 1), [builder.apply(by(0, 3, 1, 2), [x], 'there')], 'back')),
    ).toEqual([]);
    expect(
      remaining((builder, x) => builder.apply(by(1, 2, 0, 3), [builder.apply(by(0, 3, 1, 2), [x], 'one')], 'other')),
    ).toEqual(['transpose']);
  });

  it('keeps a node that gives an input a second name, and says nothing of it', () => {
    const builder = new NetworkBuilder();
    const x = builder.image(2);
    const graph = builder.finish('copy', [builder.apply({ type: 'reshape', shape: x.shape }, [x], 'y')]);
    expect(removeNoOps.run(graph)).toEqual({ graph, notes: [] });
  });
});
