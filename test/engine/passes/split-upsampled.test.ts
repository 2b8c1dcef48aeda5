import { describe, expect, it } from 'vitest';
import type { Resize2d } from '../../../engine/graph/ops/resize-2d.ts';
import type { Graph, Value } from '../../../engine/graph/types.ts';
import { splitUpsampled } from '../../../engine/passes/split-upsampled.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

const silu = { epilogue: [{ name: 'silu' }] } as const;

class NeckBuilder extends NetworkBuilder {
  upsample(x: Value, factor: number, attributes: Partial<Resize2d> = {}): Value {
    const op: Resize2d = {
      type: 'resize2d',
      size: [x.shape[2] * factor, x.shape[3] * factor],
      scales: [factor, factor],
      mode: 'nearest',
      coordinates: 'asymmetric',
      rounding: 'floor',
      ...attributes,
    };
    return this.apply(op, [x], 'upsampled');
  }

  join(...values: Value[]): Value {
    return this.apply({ type: 'concat', axis: 1 }, values, 'joined');
  }

  /** A coarse map upsampled, and a fine one. */
  maps(factor: number, attributes?: Partial<Resize2d>): { up: Value; fine: Value } {
    const up = this.upsample(this.unary('tanh', this.image(8, 3, 4, 'coarse')), factor, attributes);
    return { up, fine: this.unary('exp', this.image(4, 3 * factor, 4 * factor, 'fine')) };
  }
}

function opsAfter(graph: Graph, tolerance = 1e-6): string[] {
  const result = splitUpsampled.run(graph);
  expect(result.notes.length > 0).toBe(result.graph !== graph);
  expectEquivalent(result.graph, graph, tolerance);
  return opsOf(result.graph);
}

describe('split-upsampled', () => {
  it.each([2, 3])('convolves before upsampling by %i', (factor) => {
    for (const upsampledFirst of [true, false]) {
      const b = new NeckBuilder();
      const { up, fine } = b.maps(factor);
      const joined = upsampledFirst ? b.join(up, fine) : b.join(fine, up);
      const ops = opsAfter(b.finish('neck', [b.convolve(joined, 6, 1, silu)]));
      expect(ops.sort()).toEqual(['conv2d', 'conv2d', 'exp', 'tanh']);
    }
  });

  it('leaves the rest of the concatenation joined', () => {
    const b = new NeckBuilder();
    const { up, fine } = b.maps(2);
    const graph = b.finish('neck', [b.convolve(b.join(fine, up, b.unary('sigmoid', fine)), 6, 1)]);
    expect(opsAfter(graph).sort()).toEqual(['concat', 'conv2d', 'conv2d', 'exp', 'sigmoid', 'tanh']);
  });

  it('knows replication by what it does, not by its name', () => {
    const b = new NeckBuilder();
    const { up, fine } = b.maps(2, { coordinates: 'halfPixel', rounding: 'roundPreferFloor' });
    expect(opsAfter(b.finish('neck', [b.convolve(b.join(up, fine), 6, 1)]))).not.toContain('resize2d');
  });

  it.each<[string, (b: NeckBuilder, up: Value, fine: Value) => Value[], Partial<Resize2d>?]>([
    ['larger than 1 x 1', (b, up, fine) => [b.convolve(b.join(up, fine), 6, 3)]],
    ['in groups', (b, up, fine) => [b.convolve(b.join(up, fine), 6, 1, { groups: 2 })]],
    ['with strides', (b, up, fine) => [b.convolve(b.join(up, fine), 6, 1, { strides: [2, 2] })]],
    ['of more channels than the squares have', (b, up, fine) => [b.convolve(b.join(up, fine), 33, 1)]],
    [
      'of a map that something else reads',
      (b, up, fine) => [b.convolve(b.join(up, fine), 6, 1), b.unary('negate', up)],
    ],
    ['of interpolated maps', (b, up, fine) => [b.convolve(b.join(up, fine), 6, 1)], { mode: 'linear' }],
    ['of maps shifted by rounding', (b, up, fine) => [b.convolve(b.join(up, fine), 6, 1)], { rounding: 'ceil' }],
  ])('leaves convolutions %s', (_, build, attributes) => {
    const b = new NeckBuilder();
    const { up, fine } = b.maps(2, attributes);
    const graph = b.finish('others', build(b, up, fine));
    expect(splitUpsampled.run(graph).graph).toBe(graph);
  });
});
