import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import { foldAffine } from '../../../engine/passes/fold-affine.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

/** The ops that stay of a network on a 4-channel image, after checking that it still computes the same. */
function folded(build: (builder: NetworkBuilder, x: Value) => Value): string[] {
  const builder = new NetworkBuilder();
  const graph = builder.finish('affine', [build(builder, builder.image(4))]);
  const result = foldAffine.run(graph);
  expectEquivalent(result.graph, graph);
  expect(result.notes.length > 0).toBe(result.graph !== graph);
  return opsOf(result.graph);
}

describe('fold-affine', () => {
  it('folds a normalisation into the convolution before it', () => {
    expect(folded((builder, x) => builder.normalize(builder.convolve(x, 6, 3)))).toEqual(['conv2d']);
    expect(folded((builder, x) => builder.normalize(builder.convolve(x, 8, 3, { groups: 2 })))).toEqual(['conv2d']);
    expect(
      folded((builder, x) => builder.normalize(builder.convolve(x, 4, 5, { groups: 4, strides: [2, 2] }))),
    ).toEqual(['conv2d']);
  });

  it('folds into transposed convolutions, grouped too', () => {
    expect(folded((builder, x) => builder.normalize(builder.convolveTransposed(x, 6)))).toEqual(['convTranspose2d']);
    expect(folded((builder, x) => builder.normalize(builder.convolveTransposed(x, 6, { groups: 2 })))).toEqual([
      'convTranspose2d',
    ]);
  });

  it('folds scalars and differences, whichever operand is the constant', () => {
    expect(folded((b, x) => b.binary('divide', b.binary('subtract', b.convolve(x, 3, 1), 0.25), 4))).toEqual([
      'conv2d',
    ]);
    expect(folded((b, x) => b.binary('subtract', b.random([3, 1, 1]), b.convolve(x, 3, 1)))).toEqual(['conv2d']);
    expect(folded((b, x) => b.binary('multiply', b.random([1, 3, 1, 1]), b.convolve(x, 3, 1)))).toEqual(['conv2d']);
  });

  it('folds a scale before a convolution always, a shift only without padding', () => {
    expect(folded((b, x) => b.convolve(b.binary('multiply', x, b.random([1, 4, 1, 1])), 8, 3, { groups: 2 }))).toEqual([
      'conv2d',
    ]);
    expect(folded((b, x) => b.convolveTransposed(b.binary('divide', x, 255), 6, { groups: 2 }))).toEqual([
      'convTranspose2d',
    ]);
    expect(folded((b, x) => b.convolve(b.normalize(x), 3, 3, { pads: [0, 0, 0, 0] }))).toEqual(['conv2d']);
    expect(folded((b, x) => b.convolve(b.normalize(x), 3, 3))).toEqual(['multiply', 'add', 'conv2d']);
    expect(folded((b, x) => b.convolveTransposed(b.normalize(x), 6))).toEqual(['multiply', 'add', 'convTranspose2d']);
  });

  it('folds on both sides at once', () => {
    expect(folded((b, x) => b.normalize(b.convolve(b.binary('divide', x, 255), 3, 3)))).toEqual(['conv2d']);
  });

  it('leaves what is not an affine function of channels', () => {
    expect(folded((b, x) => b.binary('add', b.convolve(x, 3, 1), b.random([7])))).toEqual(['conv2d', 'add']);
    expect(folded((b, x) => b.binary('multiply', b.convolve(x, 3, 1), b.random([1, 1, 6, 1])))).toEqual([
      'conv2d',
      'multiply',
    ]);
    expect(folded((b, x) => b.binary('divide', b.floats('one', [], [1]), b.convolve(x, 3, 1)))).toEqual([
      'conv2d',
      'divide',
    ]);
    expect(folded((b, x) => b.binary('multiply', b.convolve(x, 3, 1), b.random([2, 1, 1, 1])))).toEqual([
      'conv2d',
      'multiply',
    ]);
    expect(folded((b, x) => b.binary('divide', b.convolve(x, 3, 1), 0))).toEqual(['conv2d', 'divide']);
    expect(folded((b, x) => b.normalize(b.convolve(x, 3, 1, { epilogue: [{ name: 'relu' }] })))).toEqual([
      'conv2d',
      'multiply',
      'add',
    ]);
  });

  it('leaves a convolution that others read', () => {
    expect(
      folded((b, x) => {
        const y = b.convolve(x, 3, 1);
        return b.binary('add', b.unary('relu', y), b.binary('multiply', y, 2));
      }),
    ).toEqual(['conv2d', 'relu', 'multiply', 'add']);
  });

  it('keeps the name of the convolution and the name of the result', () => {
    const builder = new NetworkBuilder();
    const convolution = builder.convolve(builder.image(4), 3, 1);
    const graph = builder.finish('affine', [builder.binary('multiply', convolution, 2)]);
    const { nodes } = foldAffine.run(graph).graph;
    expect(nodes[0].name).toBe(convolution.name);
    expect(nodes[0].outputs[0].name).toBe(graph.outputs[0].name);
  });
});
