import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import { mergePools } from '../../../engine/passes/merge-pools.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

class PoolBuilder extends NetworkBuilder {
  #pools = 0;

  pool(x: Value, size: number, stride = 1): Value {
    const half = Math.floor(size / 2);
    const op = {
      type: 'maxPool2d',
      kernel: [size, size],
      strides: [stride, stride],
      pads: [half, half, half, half],
    } as const;
    return this.apply(op, [x], `pool${this.#pools++}`);
  }

  join(...values: Value[]): Value {
    return this.apply({ type: 'concat', axis: 1 }, values, `joined${this.#pools++}`);
  }
}

describe('merge-pools', () => {
  it.each<[string, (b: PoolBuilder, x: Value) => Value[]]>([
    ['side by side', (b, x) => [b.pool(x, 3), b.pool(x, 5), b.pool(x, 7)]],
    [
      'one after the other',
      (b, x) => {
        const first = b.pool(x, 3);
        const second = b.pool(first, 3);
        return [first, second, b.pool(second, 3)];
      },
    ],
  ])('makes pools %s one', (_, build) => {
    const b = new PoolBuilder();
    const x = b.unary('tanh', b.image(8));
    const graph = b.finish('pools', [b.join(x, ...build(b, x))]);
    const { graph: merged, notes } = mergePools.run(graph);
    expectEquivalent(merged, graph, 0);
    expect(opsOf(merged)).toEqual(['tanh', 'maxPoolPyramid', 'concat']);
    expect(merged.nodes[1].op).toEqual({ type: 'maxPoolPyramid', sizes: [3, 5, 7] });
    expect(notes).toEqual(['3 max pools of one input became one: 1']);
  });

  it.each<[string, (b: PoolBuilder, x: Value) => Value[]]>([
    ['with strides', (b, x) => [b.join(b.pool(x, 3, 2), b.pool(x, 5, 2))]],
    ['of one size', (b, x) => [b.join(b.pool(x, 3), b.pool(x, 3))]],
    ['of several inputs', (b, x) => [b.join(b.pool(x, 3), b.pool(b.unary('exp', x), 5))]],
    [
      'that something else reads',
      (b, x) => {
        const pool = b.pool(x, 3);
        return [b.join(pool, b.pool(x, 5)), b.unary('negate', pool)];
      },
    ],
  ])('leaves pools %s', (_, build) => {
    const b = new PoolBuilder();
    const graph = b.finish('others', build(b, b.image(8)));
    expect(mergePools.run(graph).graph).toBe(graph);
  });

  it('leaves pools of channels that fill no whole vec4s', () => {
    const b = new PoolBuilder();
    const x = b.image(6);
    const graph = b.finish('others', [b.join(b.pool(x, 3), b.pool(x, 5))]);
    expect(mergePools.run(graph).graph).toBe(graph);
  });
});
