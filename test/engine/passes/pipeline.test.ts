import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../engine/errors.ts';
import type { Value } from '../../../engine/graph/types.ts';
import { passes, runPasses } from '../../../engine/passes/pipeline.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

/** Image scaling, a normalised stem with SiLU, a bottleneck, and gelu before a last convolution. */
function network() {
  const builder = new NetworkBuilder();
  const silu = (x: Value) => builder.binary('multiply', x, builder.unary('sigmoid', x));
  const block = (x: Value, channels: number, size: number) =>
    silu(builder.normalize(builder.convolve(x, channels, size)));
  const stem = block(builder.binary('divide', builder.image(3), 255), 4, 3);
  const bottleneck = builder.binary('add', stem, block(block(stem, 4, 3), 4, 3));
  const error = builder.unary('erf', builder.binary('divide', bottleneck, Math.SQRT2));
  const gelu = builder.binary('multiply', builder.binary('multiply', bottleneck, builder.binary('add', error, 1)), 0.5);
  builder.unary('exp', gelu);
  return builder.finish('network', [builder.convolve(gelu, 2, 1)]);
}

describe('runPasses', () => {
  it('compiles a network down to its convolutions, and says what it did', () => {
    const graph = network();
    const result = runPasses(graph);
    expectEquivalent(result.graph, graph, 1e-5);
    expect(opsOf(result.graph)).toEqual(['conv2d', 'conv2d', 'conv2d', 'conv2d']);
    const done = Object.fromEntries(result.report.map(({ pass, notes }) => [pass, notes]));
    expect(done['dead-code']).toEqual(['unread node removed: 1']);
    expect(done['recognize-activations']).toEqual([
      'x * sigmoid(x) became silu: 3',
      'x * (1 + erf(x / sqrt(2))) / 2 became gelu: 1',
    ]);
    expect(done['recognize-softmax']).toEqual([]);
    expect(result.report.map(({ pass }) => pass)).toEqual(passes.map(({ name }) => name));
  });

  it('runs without each pass that may be disabled, and computes the same', () => {
    const graph = network();
    for (const { name, required } of passes) {
      if (required) continue;
      const result = runPasses(graph, { disabled: [name] });
      expectEquivalent(result.graph, graph, 1e-5);
      expect(result.report.find(({ pass }) => pass === name)?.notes).toEqual([]);
    }
  });

  it('leaves a compiled graph as it is', () => {
    const { graph } = runPasses(network());
    const again = runPasses(graph);
    expect(again.graph).toBe(graph);
    expect(again.report.flatMap(({ notes }) => notes)).toEqual([]);
  });

  it('refuses to disable what it does not know or what is required', () => {
    const run = (name: string) => () => runPasses(network(), { disabled: [name] });
    expect(run('fold-batchnorm')).toThrow(InvalidArgumentError);
    expect(run('fold-batchnorm')).toThrow(/no pass 'fold-batchnorm' to disable; those that can be are .*fold-affine/);
    expect(run('fold-constants')).toThrow(InvalidArgumentError);
    expect(run('fold-constants')).toThrow(/'fold-constants' can't be disabled/);
  });

  it('has a name and a sentence for each pass', () => {
    expect(new Set(passes.map(({ name }) => name)).size).toBe(passes.length);
    for (const { name, description } of passes) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });
});
