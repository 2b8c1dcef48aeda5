import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../engine/errors.ts';
import { labLayer } from '../../../engine/lab/layer.ts';
import { formatLayer, parseLayer } from '../../../engine/lab/layer-text.ts';

describe('layers as text', () => {
  it('are read', () => {
    const { operator, spec, groupChannels } = parseLayer('64x80x60 -> 32 k3x5 s2 p1x2 d1 g4 b2 silu add(0.5) f16');
    expect(operator).toBe('conv2d');
    expect(groupChannels).toBe(16);
    expect(spec).toMatchObject({
      kernel: [3, 5],
      strides: [2, 2],
      pads: [1, 2, 1, 2],
      dilations: [1, 1],
      groups: 4,
      weightElement: 'f16',
      epilogue: [{ name: 'silu' }, { name: 'addResidual', scale: 0.5 }],
      input: { batch: 2, channels: 64, height: 80, width: 60, element: 'f16', pixelStride: 64 },
      output: { batch: 2, channels: 32, height: 40, width: 30, pixelStride: 32 },
    });
    expect(spec.residual).toEqual(spec.output);
    expect(parseLayer('4x4x4 -> 4 add f16.f32.f32.f16').spec).toMatchObject({
      input: { element: 'f16' },
      weightElement: 'f32',
      residual: { element: 'f32' },
      output: { element: 'f16' },
    });
  });

  it('keep their size without padding given', () => {
    const { spec } = parseLayer('5x7x9->6 k5 d2');
    expect(spec.pads).toEqual([4, 4, 4, 4]);
    expect([spec.output.height, spec.output.width]).toEqual([7, 9]);
    expect(spec.input.pixelStride).toBe(8);
  });

  it.each([
    '64x80x80 -> 64 k3 s1 p1 silu',
    '3x640x640 -> 16 k3 s2 p1 silu',
    '32x20x20 -> 32 k7 s1 p3 g32 relu add',
    '16x9x12 -> 8 k2x3 s2x1 p0.1.1.0 b3 leakyRelu(0.1) f16',
    '16x10x10 -> 8 k3 s2 p1 transposed o1 clip(0,6)',
    '8x6x6 -> 8 k3 s1 p2 d2',
    '8x6x6 -> 8 k3 s1 p1 silu f32.f32.f16',
    '8x6x6 -> 8 k3 s1 p1 add f16.f32.f32.f16',
  ])('are written as they are read: %s', (text) => {
    expect(formatLayer(parseLayer(text))).toBe(text);
  });

  it.each([
    ['', /is no layer: write it like 64x80x80 -> 64/],
    ['64x80 -> 64', /is no layer/],
    ['64x80x80 -> 64 k3 sillu', /"sillu" means nothing/],
    ['64x80x80 -> 64 k0', /start at 1/],
    ['64x80x80 -> 64 g48', /48 groups divide neither/],
    ['64x2x2 -> 64 k5 p0', /too small/],
    ['64x4000x4000 -> 64', /more than the lab takes/],
    ['8x8x8 -> 8 add add', /at most one residual/],
    ['8x8x8 -> 8 add f16.f16.f32', /must name input, weights, residual, output/],
    ['8x8x8 -> 8 leakyRelu', /"leakyRelu" means nothing/],
  ])('are refused with a reason: "%s"', (text, reason) => {
    expect(() => parseLayer(text)).toThrow(InvalidArgumentError);
    expect(() => parseLayer(text)).toThrow(reason);
  });

  it('have a key, FLOPs and bytes', () => {
    const layer = labLayer(parseLayer('6x8x8 -> 10 k3 silu'));
    expect(layer.key).toBe('conv2d 1x6x8x8>10x8x8 k3x3 s1x1 p1.1.1.1 f32 silu');
    expect(layer.flops).toBe(2 * 6 * 9 * 10 * 64 + 10 * 64);
    expect(layer.bytes).toBe(4 * (8 * 64 + 12 * 64 + 6 * 10 * 9 + 10));
  });
});
