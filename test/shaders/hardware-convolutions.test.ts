import { describe, expect, test } from 'vitest';
import { conv2dCandidates } from '../../shaders/conv-2d.ts';
import type { ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import { convTranspose2dCandidates } from '../../shaders/conv-transpose-2d.ts';
import { rankConvolutions } from '../../shaders/hardware-convolutions.ts';
import type { ElementType, FeatureMap, Kernel } from '../../shaders/kernel.ts';
import { CORE_DEVICE, type KernelDevice } from '../../shaders/kernel-device.ts';

const core: KernelDevice = { ...CORE_DEVICE, rankConvolutions };
const large: KernelDevice = {
  ...core,
  float16: true,
  smallestSubgroup: 32,
  largestSubgroup: 32,
  maxInvocations: 1024,
  maxWorkgroupStorage: 49152,
  subgroupMatrices: [{ operand: 'f16', result: 'f32', rows: 16, columns: 16, depth: 16 }],
};

interface Shape {
  readonly from: number;
  readonly to: number;
  /** Rows and columns of the output. */
  readonly side: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly batch?: number;
  readonly element?: ElementType;
}

function spec({
  from,
  to,
  side,
  kernel = 3,
  stride = 1,
  groups = 1,
  batch = 1,
  element = 'f16',
}: Shape): ConvolutionSpec {
  const pad = (kernel - 1) / 2;
  const map = (channels: number, size: number): FeatureMap => {
    const pixelStride = Math.ceil(channels / 4) * 4;
    const imageStride = size * size * pixelStride;
    return { element, batch, height: size, width: size, channels, offset: 0, imageStride, pixelStride };
  };
  return {
    input: map(from, side * stride),
    output: map(to, side),
    weightElement: element,
    kernel: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: [1, 1],
    groups,
    epilogue: [{ name: 'silu' }],
  };
}

const shapes: Record<string, Shape> = {
  'a first layer': { from: 3, to: 16, side: 320, stride: 2 },
  'few channels': { from: 16, to: 32, side: 160, stride: 2 },
  points: { from: 384, to: 256, side: 20, kernel: 1 },
  'a large map': { from: 64, to: 80, side: 80 },
  'a small map': { from: 128, to: 128, side: 20 },
  'a batch': { from: 64, to: 64, side: 80, batch: 32 },
  'one pixel': { from: 4, to: 4, side: 1 },
  'channels no multiple of 4': { from: 21, to: 45, side: 13 },
  groups: { from: 64, to: 64, side: 40, groups: 4 },
  'groups of 2 channels': { from: 8, to: 8, side: 9, groups: 4 },
  depthwise: { from: 64, to: 64, side: 40, groups: 64 },
  'depthwise, 7 x 7': { from: 64, to: 64, side: 40, kernel: 7, groups: 64 },
};

const devices = { 'a device of core limits': core, 'a large device': large };

describe.each(Object.entries(devices))('on %s', (_, device) => {
  test.each(Object.entries(shapes))('%s: kernels within its limits', (__, shape) => {
    const element = device.float16 ? 'f16' : 'f32';
    const candidates = [
      ...conv2dCandidates(spec({ ...shape, element }), device),
      ...convTranspose2dCandidates(spec({ ...shape, element, stride: 1 }), device),
    ];
    for (const { build } of candidates) for (const kernel of build()) expectWithinLimits(kernel, device);
  });

  test.each(Object.entries(shapes))('%s: a dozen candidates at the most, each once', (__, shape) => {
    const names = conv2dCandidates(spec({ ...shape, element: 'f32' }), device).map(({ name }) => name);
    expect(names.length).toBeLessThanOrEqual(12);
    expect(new Set(names).size).toBe(names.length);
    expect(names.at(-1)).toBe('general');
  });
});

/** What WebGPU checks when a pipeline is made and when it is dispatched. */
function expectWithinLimits({ label, body, workgroupSize, workgroups, features }: Kernel, device: KernelDevice): void {
  const invocations = workgroupSize.reduce((product, size) => product * size, 1);
  expect(invocations, label).toBeLessThanOrEqual(device.maxInvocations);
  expect(Math.max(...workgroups), label).toBeLessThanOrEqual(65535);
  expect(workgroupStorage(body), label).toBeLessThanOrEqual(device.maxWorkgroupStorage);
  if (features?.includes('subgroups')) expect(device.smallestSubgroup, label).toBeGreaterThan(0);
  if (features?.includes('subgroup-matrices')) expect(device.subgroupMatrices.length, label).toBeGreaterThan(0);
  if (/\bf16\b/.test(body)) expect(device.float16, label).toBe(true);
}

function workgroupStorage(body: string): number {
  const bytes = { f32: 4, f16: 2 };
  const arrays = body.matchAll(/var<workgroup> \w+: array<(?:(vec4)<)?(f32|f16)>?, (\d+)>/g);
  return [...arrays].reduce((total, [, vector, element, count]) => {
    return total + Number(count) * bytes[element as 'f32' | 'f16'] * (vector ? 4 : 1);
  }, 0);
}

describe('the order of candidates', () => {
  const names = (shape: Shape, device = large) => conv2dCandidates(spec(shape), device).map(({ name }) => name);

  test('the stem for a first layer', () => {
    expect(names(shapes['a first layer'])[0]).toMatch(/^stem/);
  });

  test("Winograd's way where the layer pays for its dispatches", () => {
    expect(names(shapes['a batch']).slice(0, 2)).toEqual(['winograd 4x4 unrolled', expect.stringMatching(/^gemm/)]);
    expect(names({ from: 64, to: 64, side: 20 }).slice(0, 2)).toEqual([
      expect.stringMatching(/^gemm/),
      expect.stringMatching(/^winograd/),
    ]);
  });

  test('larger tiles for more pixels, split sums where there are few', () => {
    const products = (shape: Shape) => names(shape).filter((name) => name.startsWith('gemm'));
    expect(products(shapes['a batch'])[0]).toMatch(/^gemm 128x64 8x8/);
    expect(products(shapes['a small map'])[0]).toMatch(/^gemm 64x64 8x8 .* split/);
    expect(names(shapes['a large map']).some((name) => name.includes('split'))).toBe(false);
  });

  test('no tile of many channels for few', () => {
    expect(names({ from: 16, to: 16, side: 160, stride: 2 })[0]).toMatch(/^gemm 64x16/);
  });

  test('staging for large depthwise kernels', () => {
    expect(names(shapes['depthwise, 7 x 7'])[0]).toBe('depthwise 8x8 staged');
    expect(names(shapes.depthwise)[0]).toBe('depthwise 4 unrolled');
  });

  test('subgroup matrices where the device has them, but never before something was measured', () => {
    const all = names(shapes['a batch']);
    expect(all.indexOf('subgroup matrix 16x16x16 f16')).toBeGreaterThan(0);
    const without = { ...large, subgroupMatrices: [] };
    expect(names(shapes['a batch'], without).some((name) => name.includes('matrix'))).toBe(false);
    expect(names({ ...shapes['a batch'], element: 'f32' }).some((name) => name.includes('matrix'))).toBe(false);
  });

  test('float16 arithmetic is not offered: it is less precise', () => {
    for (const shape of Object.values(shapes)) expect(names(shape).join()).not.toContain('f16 products');
  });

  test('what is not multiplied keeps its order', () => {
    expect(names(shapes['groups of 2 channels'])).toEqual(['general']);
  });
});
