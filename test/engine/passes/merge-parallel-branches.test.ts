import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import { mergeParallelBranches } from '../../../engine/passes/merge-parallel-branches.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

type Build = (builder: NetworkBuilder, x: Value) => Value;

function graphOf(build: Build) {
  const builder = new NetworkBuilder();
  return builder.finish('branches', [build(builder, builder.image(4, 7, 6))]);
}

/** The ops that stay after this pass alone. */
function merged(build: Build): string[] {
  const graph = graphOf(build);
  const result = mergeParallelBranches.run(graph);
  expectEquivalent(result.graph, graph);
  expect(result.notes.length > 0).toBe(result.graph !== graph);
  return opsOf(result.graph);
}

/** The ops that stay after all passes. */
function compiled(build: Build): string[] {
  const graph = graphOf(build);
  const result = runPasses(graph);
  expectEquivalent(result.graph, graph, 1e-4);
  return opsOf(result.graph);
}

const sum = (builder: NetworkBuilder, ...terms: Value[]) => terms.reduce((a, b) => builder.binary('add', a, b));

describe('blocks that train with branches become one convolution', () => {
  it('RepVGG: 3x3, 1x1 and identity, each normalised', () => {
    const block = (builder: NetworkBuilder, x: Value) => {
      const large = builder.normalize(builder.convolve(x, 4, 3));
      const small = builder.normalize(builder.convolve(x, 4, 1));
      return builder.unary('relu', sum(builder, large, small, builder.normalize(x)));
    };
    expect(compiled((builder, x) => block(builder, block(builder, x)))).toEqual(['conv2d', 'conv2d']);
  });

  it('RepVGG with stride 2', () => {
    expect(
      compiled((builder, x) => {
        const large = builder.normalize(builder.convolve(x, 8, 3, { strides: [2, 2] }));
        return sum(builder, large, builder.normalize(builder.convolve(x, 8, 1, { strides: [2, 2] })));
      }),
    ).toEqual(['conv2d']);
  });

  it('QARepVGG: normalised 3x3, scaled 1x1, plain identity, normalisation after the sum', () => {
    expect(
      compiled((builder, x) => {
        const large = builder.normalize(builder.convolve(x, 4, 3));
        const small = builder.binary('multiply', builder.floats('alpha', [1], [0.7]), builder.convolve(x, 4, 1));
        return builder.unary('relu', builder.normalize(sum(builder, large, small, x)));
      }),
    ).toEqual(['conv2d']);
  });

  it('RepVGGDW: depthwise 7x7 and 3x3', () => {
    expect(
      compiled((builder, x) => {
        const large = builder.normalize(builder.convolve(x, 4, 7, { groups: 4 }));
        const small = builder.normalize(builder.convolve(x, 4, 3, { groups: 4 }));
        const y = sum(builder, large, small);
        return builder.binary('multiply', y, builder.unary('sigmoid', y));
      }),
    ).toEqual(['conv2d']);
  });

  it('MobileOne: several of a kind, grouped, with an identity', () => {
    expect(
      compiled((builder, x) => {
        const large = [1, 2, 3].map(() => builder.normalize(builder.convolve(x, 4, 3, { groups: 2 })));
        const small = builder.normalize(builder.convolve(x, 4, 1, { groups: 2 }));
        return builder.unary('relu', sum(builder, ...large, small, builder.normalize(x)));
      }),
    ).toEqual(['conv2d']);
  });
});

describe('merge-parallel-branches', () => {
  it('merges averages where each channel depends on itself only', () => {
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 3, { groups: 4 }), b.average(x, 3), x))).toEqual(['conv2d']);
    expect(merged((b, x) => sum(b, b.average(x, 3, 2), b.convolve(x, 4, 3, { strides: [2, 2] })))).toEqual(['conv2d']);
  });

  it('does not take an average for linear where its divisor varies', () => {
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 3), b.average(x, 3, 1, false)))).toEqual([
      'conv2d',
      'averagePool2d',
      'add',
    ]);
  });

  it('merges kernels that lie anywhere, padded by whatever they are', () => {
    expect(
      merged((b, x) =>
        sum(
          b,
          b.convolve(x, 3, 3, { pads: [2, 0, 0, 2] }),
          b.convolve(x, 3, 2, { pads: [1, 0, 0, 1] }),
          b.convolve(x, 3, 2, { pads: [0, 0, 1, 1] }),
          b.convolve(x, 3, 1),
        ),
      ),
    ).toEqual(['conv2d']);
    expect(
      merged((b, x) =>
        sum(b, b.convolve(x, 3, 3, { pads: [0, 0, 0, 0] }), b.convolve(x, 3, 3, { pads: [0, 0, 0, 0] })),
      ),
    ).toEqual(['conv2d']);
  });

  it('merges a dilated kernel into a dense one that holds it', () => {
    expect(
      merged((b, x) => sum(b, b.convolve(x, 3, 5), b.convolve(x, 3, 3, { dilations: [2, 2], pads: [2, 2, 2, 2] }))),
    ).toEqual(['conv2d']);
  });

  it('does not merge where the merged kernel would cost more', () => {
    const dilated = { dilations: [3, 3], pads: [3, 3, 3, 3] } as const;
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 3, dilated), x))).toEqual(['conv2d', 'add']);
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 1), b.average(x, 3)))).toEqual(['conv2d', 'averagePool2d', 'add']);
  });

  it('folds constant terms, and adds up what is left', () => {
    expect(
      merged((b, x) => {
        const bias = b.random([1, 4, 1, 1]);
        return sum(b, b.unary('relu', x), b.convolve(x, 4, 3), bias, b.convolve(x, 4, 1));
      }),
    ).toEqual(['relu', 'conv2d', 'add']);
  });

  it('merges each input with its own', () => {
    expect(
      merged((b, x) => {
        const y = b.unary('relu', x);
        return sum(b, b.convolve(x, 4, 3), b.convolve(y, 4, 3), x, b.convolve(y, 4, 1));
      }),
    ).toEqual(['relu', 'conv2d', 'conv2d', 'add']);
  });

  it('keeps strides and groups apart', () => {
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 3), b.convolve(x, 4, 3, { groups: 2 })))).toEqual([
      'conv2d',
      'conv2d',
      'add',
    ]);
    const pads = [0, 0, 0, 0] as const;
    // An image of 7x6 gives 3x2 either way.
    expect(merged((b, x) => sum(b, b.convolve(x, 4, 5, { pads }), b.convolve(x, 4, 1, { strides: [3, 3] })))).toEqual([
      'conv2d',
      'conv2d',
      'add',
    ]);
  });

  it('counts a term that appears twice twice', () => {
    expect(merged((b, x) => sum(b, x, b.convolve(x, 4, 3), x))).toEqual(['conv2d']);
  });

  it('leaves residual connections alone', () => {
    const residual = ['conv2d', 'relu', 'conv2d', 'relu', 'add'];
    expect(
      merged((b, x) => sum(b, x, b.unary('relu', b.convolve(b.unary('relu', b.convolve(x, 4, 3)), 4, 3)))),
    ).toEqual(residual);
    expect(merged((b, x) => sum(b, b.convolve(b.convolve(x, 4, 3), 4, 3), x))).toEqual(['conv2d', 'conv2d', 'add']);
  });

  it('leaves branches that others read', () => {
    expect(
      merged((b, x) => {
        const y = b.convolve(x, 4, 3);
        return b.binary('multiply', sum(b, y, b.convolve(x, 4, 1)), y);
      }),
    ).toEqual(['conv2d', 'conv2d', 'add', 'multiply']);
  });

  it('leaves a term that broadcasts, and merges the others', () => {
    expect(
      merged((b, x) => {
        const pooled = b.apply({ type: 'reduce', function: 'mean', axes: [2, 3], keepDims: true }, [x], 'pooled');
        return sum(b, b.convolve(pooled, 4, 1), b.convolve(x, 4, 3), b.convolve(x, 4, 1));
      }),
    ).toEqual(['reduce', 'conv2d', 'conv2d', 'add']);
  });
});
