import { describe, expect, it } from 'vitest';
import { describeGap, describeLayers, findGap, type LayerReport } from '../../../cli/benchmark/layers.ts';
import { GraphBuilder } from '../../../engine/graph/builder.ts';
import type { KernelProfile } from '../../../node.ts';

const roofline = { flopsPerSecond: 1e12, bytesPerSecond: 1e11 };

function profiled(node: string, microseconds: number): KernelProfile {
  const work = { flops: 8e6, bytes: 3e5, roofline, rooflineShare: 0.25 };
  return { node, operator: 'relu', kernel: 'elementwise relu', workgroups: [1, 1, 1], microseconds, ...work };
}

function layer(kernel: string, shape: string, microseconds: number, rooflineShare: number): LayerReport {
  const rates = { gflopsPerSecond: 1, gigabytesPerSecond: 1 };
  return { node: `${kernel} ${microseconds}`, kernel, shape, microseconds, rooflineShare, ...rates };
}

describe('describeLayers', () => {
  it('puts shapes and rates beside the times', () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', 'float', [1, 16, 8, 8]);
    const y = builder.apply({ type: 'unary', function: { name: 'relu' } }, [x], 'activation');
    const graph = builder.finish('activated', [y]);
    const [known, unknown, instant] = describeLayers(
      [profiled('activation', 20), profiled('elsewhere', 20), profiled('activation', 0)],
      graph,
    );
    expect(known).toEqual({
      node: 'activation',
      kernel: 'elementwise relu',
      shape: '16x8x8 -> 16x8x8',
      microseconds: 20,
      gflopsPerSecond: 400,
      gigabytesPerSecond: 15,
      rooflineShare: 0.25,
    });
    expect(unknown.shape).toBe('');
    expect([instant.gflopsPerSecond, instant.gigabytesPerSecond]).toEqual([0, 0]);
  });
});

describe('findGap', () => {
  it('names the kernel and shape that lose most together, not the slowest dispatch', () => {
    const gap = findGap([
      layer('stem', '3x8x8 -> 16x4x4', 100, 0.9),
      layer('conv', '16x4x4 -> 16x4x4', 40, 0.5),
      layer('conv', '16x4x4 -> 16x4x4', 60, 0.5),
      layer('conv', '32x2x2 -> 32x2x2', 50, 0.2),
    ]);
    expect(gap.microseconds).toBeCloseTo(100, 9);
    expect(gap.share).toBeCloseTo(0.4, 9);
    expect(gap.largest).toMatchObject({ kernel: 'conv', shape: '16x4x4 -> 16x4x4', nodes: ['conv 40', 'conv 60'] });
    expect(gap.largest.microseconds).toBeCloseTo(50, 9);
    expect(gap.largest.share).toBeCloseTo(0.5, 9);
    expect(describeGap(gap)).toBe(
      "0.10 ms (40 % of the kernels' time) above the roofline; the largest share, 50 %, is 2 times conv on " +
        '16x4x4 -> 16x4x4',
    );
  });

  it('is nothing where every kernel reaches the roofline, or takes no time', () => {
    const perfect = findGap([layer('conv', '', 10, 1), layer('pool', '', 20, 1)]);
    expect(perfect).toMatchObject({ microseconds: 0, share: 0, largest: { share: 0 } });
    expect(findGap([layer('conv', '', 0, 0)])).toMatchObject({ microseconds: 0, share: 0 });
  });
});
