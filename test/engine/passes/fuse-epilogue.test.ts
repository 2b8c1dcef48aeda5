import { describe, expect, it } from 'vitest';
import type { EpilogueStep } from '../../../engine/graph/ops/conv-2d.ts';
import type { Graph, Value } from '../../../engine/graph/types.ts';
import { fuseEpilogue } from '../../../engine/passes/fuse-epilogue.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

function fused(build: (builder: NetworkBuilder, x: Value) => Value | Value[]): Graph {
  const builder = new NetworkBuilder();
  const outputs = build(builder, builder.image(4));
  const graph = builder.finish('epilogues', Array.isArray(outputs) ? outputs : [outputs]);
  const result = fuseEpilogue.run(graph);
  expectEquivalent(result.graph, graph);
  expect(result.notes.length > 0).toBe(result.graph !== graph);
  return result.graph;
}

/** The epilogue of every convolution, in order. */
function epiloguesOf(graph: Graph): (readonly EpilogueStep[])[] {
  return graph.nodes.flatMap(({ op }) => (op.type === 'conv2d' || op.type === 'convTranspose2d' ? [op.epilogue] : []));
}

const residual = { name: 'addResidual', scale: 1 };
const relu = { name: 'relu' };
const silu = { name: 'silu' };

describe('fuse-epilogue', () => {
  it('moves functions into the convolution, several in a row', () => {
    const graph = fused((b, x) =>
      b.unary({ name: 'clip', minimum: 0, maximum: 1 }, b.unary('silu', b.convolve(x, 3, 3))),
    );
    expect(opsOf(graph)).toEqual(['conv2d']);
    expect(epiloguesOf(graph)).toEqual([[silu, { name: 'clip', minimum: 0, maximum: 1 }]]);
  });

  it('works for transposed convolutions', () => {
    const graph = fused((b, x) => b.unary('relu', b.convolveTransposed(x, 4)));
    expect(epiloguesOf(graph)).toEqual([[relu]]);
  });

  it('moves the residual addition of a bottleneck into its last convolution', () => {
    const graph = fused((b, x) => {
      const entry = b.unary('silu', b.convolve(x, 4, 1));
      const inner = b.unary('silu', b.convolve(entry, 4, 3));
      return b.binary('add', entry, b.unary('silu', b.convolve(inner, 4, 3)));
    });
    expect(opsOf(graph)).toEqual(['conv2d', 'conv2d', 'conv2d']);
    expect(epiloguesOf(graph)).toEqual([[silu], [silu], [silu, residual]]);
  });

  it('moves the activation after the addition too', () => {
    const graph = fused((b, x) => {
      const entry = b.unary('relu', x);
      return b.unary('relu', b.binary('add', b.convolve(entry, 4, 3), entry));
    });
    expect(epiloguesOf(graph)).toEqual([[residual, relu]]);
  });

  it('takes a scaled residual with its scale', () => {
    const graph = fused((b, x) => {
      const entry = b.unary('relu', x);
      const scaled = b.binary('multiply', b.floats('alpha', [1], [0.75]), entry);
      return b.binary('add', scaled, b.unary('relu', b.convolve(entry, 4, 3)));
    });
    expect(opsOf(graph)).toEqual(['relu', 'conv2d']);
    expect(epiloguesOf(graph)).toEqual([[relu, { name: 'addResidual', scale: 0.75 }]]);
  });

  it('subtracts', () => {
    const graph = fused((b, x) => b.binary('subtract', b.convolve(x, 4, 1), x));
    expect(epiloguesOf(graph)).toEqual([[{ name: 'addResidual', scale: -1 }]]);
    expect(opsOf(fused((b, x) => b.binary('subtract', x, b.convolve(x, 4, 1))))).toEqual(['conv2d', 'subtract']);
  });

  it('lets the later of two convolutions take the addition', () => {
    for (const flip of [false, true]) {
      const graph = fused((b, x) => {
        const early = b.convolve(x, 3, 1);
        const late = b.convolve(x, 3, 3);
        return flip ? b.binary('add', late, early) : b.binary('add', early, late);
      });
      expect(epiloguesOf(graph)).toEqual([[], [residual]]);
    }
  });

  it('computes the residual before the convolution that adds it', () => {
    const graph = fused((b, x) => {
      const early = b.convolve(x, 4, 3);
      return b.binary('add', early, b.unary('exp', b.unary('relu', x)));
    });
    expect(opsOf(graph)).toEqual(['relu', 'exp', 'conv2d']);
  });

  it('adds at most one residual in a convolution', () => {
    const graph = fused((b, x) => b.binary('add', b.binary('add', b.convolve(x, 4, 3), x), b.unary('exp', x)));
    expect(opsOf(graph)).toEqual(['conv2d', 'exp', 'add']);
    expect(epiloguesOf(graph)).toEqual([[residual]]);
  });

  it.each<[string, (b: NetworkBuilder, x: Value) => Value | Value[]]>([
    [
      'a convolution that others read',
      (b, x) => {
        const y = b.convolve(x, 4, 3);
        return b.binary('multiply', y, b.unary('relu', y));
      },
    ],
    [
      'a convolution that is an output',
      (b, x) => {
        const y = b.convolve(x, 4, 3);
        return [y, b.unary('relu', y)];
      },
    ],
    ['a constant addend', (b, x) => b.binary('add', b.convolve(x, 4, 3), b.random([1, 4, 6, 7]))],
    ['an addend that broadcasts', (b, x) => b.binary('add', b.convolve(x, 1, 3), x)],
    [
      'a convolution added to itself',
      (b, x) => {
        const y = b.convolve(x, 4, 3);
        return b.binary('add', y, y);
      },
    ],
  ])('leaves %s', (_, build) => {
    expect(epiloguesOf(fused(build)).flat()).toEqual([]);
  });
});
