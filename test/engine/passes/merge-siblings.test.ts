import { describe, expect, it } from 'vitest';
import type { Graph, Value } from '../../../engine/graph/types.ts';
import { mergeSiblings } from '../../../engine/passes/merge-siblings.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { planSwitches } from '../../../engine/plan/options.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

const silu = { epilogue: [{ name: 'silu' }] } as const;
const device = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };

function concat(builder: NetworkBuilder, ...values: Value[]): Value {
  return builder.apply({ type: 'concat', axis: 1 }, values, `joined ${values.map(({ name }) => name)}`);
}

/** Two branches of one input, one of which goes through a bottleneck before they are joined. */
function csp(order: (deep: Value, shallow: Value) => readonly [Value, Value]): Graph {
  const builder = new NetworkBuilder();
  const x = builder.convolve(builder.image(3), 8, 3);
  const deep = builder.convolve(x, 8, 1, silu);
  const inner = builder.convolve(builder.convolve(deep, 8, 1), 8, 3, silu);
  const shallow = builder.convolve(x, 12, 1, silu);
  const joined = concat(builder, ...order(builder.binary('add', inner, deep), shallow));
  return builder.finish('csp', [builder.convolve(joined, 4, 1)]);
}

function convolutions(graph: Graph): number {
  return opsOf(graph).filter((op) => op === 'conv2d').length;
}

/** What the pass makes of a graph that it has to change. */
function merged(graph: Graph): Graph {
  const result = mergeSiblings.run(graph);
  expectEquivalent(result.graph, graph, 1e-6);
  expect(result.notes).toEqual(['2 convolutions of one input became one: 1']);
  expect(convolutions(result.graph)).toBe(convolutions(graph) - 1);
  return result.graph;
}

describe('merge-siblings', () => {
  it('computes the first layers of a decoupled head as one', () => {
    const builder = new NetworkBuilder();
    const x = builder.convolve(builder.image(3), 8, 3);
    const towers = [8, 12].map((channels) => builder.convolve(builder.convolve(x, channels, 3, silu), 4, 1));
    const graph = builder.finish('head', [builder.binary('add', towers[0], towers[1])]);
    expect(opsOf(merged(graph))).toEqual(['conv2d', 'conv2d', 'slice', 'slice', 'conv2d', 'conv2d', 'add']);
  });

  it.each([
    ['last', (deep: Value, shallow: Value) => [deep, shallow] as const],
    ['first', (deep: Value, shallow: Value) => [shallow, deep] as const],
  ])('of a CSP block whose short branch comes %s in the concatenation, without a copy', (_, order) => {
    const graph = merged(csp(order));
    const { steps } = compilePlan(graph, new Map(), device, planSwitches());
    expect(steps.map(({ operator }) => operator)).not.toContain('copy');
  });

  it.each([
    ['first', (kept: Value, deep: Value) => [kept, deep] as const],
    ['last', (kept: Value, deep: Value) => [deep, kept] as const],
  ])('arranges the parts of one convolution of which one comes %s in a concatenation, without a copy', (_, order) => {
    const builder = new NetworkBuilder();
    const x = builder.convolve(builder.image(3), 20, 3, silu);
    const part = (start: number, size: number) => {
      const op = { type: 'slice', starts: [0, start, 0, 0], sizes: [1, size, 6, 7], steps: [1, 1, 1, 1] } as const;
      return builder.apply(op, [x], `part${start}`);
    };
    const [kept, used] = [part(0, 8), part(8, 12)];
    const deep = builder.convolve(used, 12, 3, { epilogue: [] });
    const joined = concat(builder, ...order(kept, builder.binary('add', deep, used)));
    const graph = builder.finish('partial', [builder.convolve(joined, 4, 1)]);
    const result = mergeSiblings.run(graph);
    expectEquivalent(result.graph, graph, 1e-6);
    expect(convolutions(result.graph)).toBe(convolutions(graph));
    const operators = compilePlan(result.graph, new Map(), device, planSwitches()).steps.map(
      ({ operator }) => operator,
    );
    expect(operators).not.toContain('copy');
    expect(mergeSiblings.run(result.graph)).toEqual({ graph: result.graph, notes: [] });
  });

  it('of two blocks that one concatenation joins', () => {
    const builder = new NetworkBuilder();
    const [x, y] = [4, 8].map((channels) => builder.convolve(builder.image(3, 6, 7, `x${channels}`), channels, 3));
    const [a, b, c, d] = [x, x, y, y].map((input) => builder.convolve(input, 8, 1));
    const outer = builder.binary('add', builder.unary('tanh', a), builder.unary('exp', d));
    const graph = builder.finish('blocks', [builder.convolve(concat(builder, b, outer, c), 4, 1)]);
    const result = mergeSiblings.run(graph);
    expectEquivalent(result.graph, graph, 1e-6);
    expect(convolutions(result.graph)).toBe(convolutions(graph) - 2);
  });

  it.each<[string, (b: NetworkBuilder, x: Value) => readonly Value[]]>([
    ['of other strides', (b, x) => [b.convolve(x, 8, 1), b.convolve(x, 8, 1, { strides: [2, 2] })]],
    ['of other activations', (b, x) => [b.convolve(x, 8, 1, silu), b.convolve(x, 8, 1)]],
    ['of other kernels', (b, x) => [b.convolve(x, 8, 1), b.convolve(x, 8, 3)]],
    ['of other inputs', (b, x) => [b.convolve(x, 8, 1), b.convolve(b.unary('exp', x), 8, 1)]],
    ['in groups', (b, x) => [b.convolve(x, 8, 3, { groups: 8 }), b.convolve(x, 8, 3, { groups: 8 })]],
    ['whose parts would begin within a vec4', (b, x) => [b.convolve(x, 6, 1), b.convolve(x, 6, 1)]],
    [
      'that are reshaped',
      (b, x) =>
        [b.convolve(x, 8, 1), b.convolve(x, 8, 1)].map((y, index) =>
          b.apply({ type: 'reshape', shape: [1, 8, 42] }, [y], `flat${index}`),
        ),
    ],
  ])('leaves convolutions %s', (_, build) => {
    const builder = new NetworkBuilder();
    const parts = build(builder, builder.convolve(builder.image(3), 8, 3));
    const graph = builder.finish(
      'others',
      parts.map((part) => builder.unary('tanh', part)),
    );
    expect(mergeSiblings.run(graph)).toEqual({ graph, notes: [] });
  });

  it('leaves results that are outputs, or in the middle of a concatenation', () => {
    const builder = new NetworkBuilder();
    const x = builder.convolve(builder.image(3), 8, 3);
    const [a, b, c] = [8, 8, 8].map((channels) => builder.convolve(x, channels, 1));
    const graph = builder.finish('kept', [
      a,
      builder.convolve(concat(builder, x, b, x), 4, 1),
      builder.unary('exp', c),
    ]);
    expect(mergeSiblings.run(graph).graph).toBe(graph);
  });
});
