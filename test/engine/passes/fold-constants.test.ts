import { describe, expect, it } from 'vitest';
import type { Node, Value } from '../../../engine/graph/types.ts';
import { ShapeError } from '../../../engine/graph/types.ts';
import { deadCode } from '../../../engine/passes/dead-code.ts';
import { foldConstants } from '../../../engine/passes/fold-constants.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

describe('fold-constants', () => {
  it('computes weights that are too large to fold while building', () => {
    const builder = new NetworkBuilder();
    const x = builder.image(300);
    const quantized = builder.ints(
      'q',
      [300, 300, 1, 1],
      Array.from({ length: 90000 }, (_, i) => (i % 255) - 127),
    );
    const cast = builder.apply({ type: 'cast', to: 'float' }, [quantized], 'cast');
    const weight = builder.binary('multiply', cast, builder.positive([300, 1, 1, 1]));
    const convolution = builder.convolve(x, 300, 1);
    const { op, inputs } = builder.nodes[builder.nodes.length - 1];
    const y = builder.apply(op, [convolution, weight, inputs[2]], 'y');
    const graph = builder.finish('quantized', [y]);
    expect(opsOf(graph)).toEqual(['cast', 'multiply', 'conv2d', 'conv2d']);

    const result = foldConstants.run(graph);
    expect(opsOf(result.graph)).toEqual(['conv2d', 'conv2d']);
    expect(result.notes).toEqual(['cast of constants computed: 1', 'binary of constants computed: 1']);
    expectEquivalent(result.graph, graph);
    expect(foldConstants.run(result.graph)).toEqual({ graph: result.graph, notes: [] });
  });

  it('leaves to the device what would take long to compute', () => {
    const builder = new NetworkBuilder();
    const picture = builder.random([1, 64, 32, 32]);
    const heavy = builder.convolve(picture, 512, 3);
    const light = builder.convolve(builder.random([1, 64, 2, 2]), 4, 3);
    expect([heavy.constant, light.constant !== undefined]).toEqual([undefined, true]);
    const graph = builder.finish('heavy', [heavy]);
    expect(foldConstants.run(graph)).toEqual({ graph, notes: [] });
  });

  it('gives a constant output the name of the output', () => {
    const builder = new NetworkBuilder();
    const large = builder.random([300, 300]);
    const graph = builder.finish('constant', [builder.unary('relu', large)]);
    const result = foldConstants.run(graph);
    expect(result.graph.nodes).toEqual([]);
    expectEquivalent(result.graph, graph);
  });

  it('names the node whose elements are wrong', () => {
    const builder = new NetworkBuilder();
    const [data, indices] = [builder.random([3]), builder.ints('indices', [1], [7])];
    const output: Value = { name: 'picked', kind: 'float', shape: [1] };
    const node: Node = { op: { type: 'gather', axis: 0 }, name: 'pick', inputs: [data, indices], outputs: [output] };
    const run = () => foldConstants.run({ name: 'wrong', inputs: [], outputs: [output], nodes: [node] });
    expect(run).toThrow(ShapeError);
    expect(run).toThrow(/pick: gather: index 7 is outside axis 0/);
  });
});

describe('dead-code', () => {
  it('removes what nobody reads, and says how much', () => {
    const builder = new NetworkBuilder();
    const x = builder.image(2);
    builder.unary('exp', builder.unary('relu', x));
    const graph = builder.finish('dead', [builder.unary('sigmoid', x)]);
    const result = deadCode.run(graph);
    expect(opsOf(result.graph)).toEqual(['sigmoid']);
    expect(result.notes).toEqual(['unread node removed: 2']);
    expect(deadCode.run(result.graph)).toEqual({ graph: result.graph, notes: [] });
  });
});
