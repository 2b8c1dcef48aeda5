import { describe, expect, it } from 'vitest';
import type { Resize2d } from '../../engine/graph/ops/resize-2d.ts';
import type { ElementType, Kernel } from '../../shaders/kernel.ts';
import { resize2d } from '../../shaders/resize-2d.ts';
import { checkKernel, storedAs } from '../support/check-kernel.ts';
import { mapOf, mapViewsOf } from '../support/feature-maps.ts';
import { evaluate, randomTensor } from '../support/tensors.ts';

const COORDINATES = ['asymmetric', 'halfPixel', 'pytorchHalfPixel', 'alignCorners'] as const;
const ROUNDINGS = ['floor', 'ceil', 'roundPreferFloor', 'roundPreferCeil'] as const;

function resize(input: readonly number[], size: [number, number], options: Partial<Resize2d>): Resize2d {
  return {
    type: 'resize2d',
    size,
    scales: [size[0] / input[2], size[1] / input[3]],
    mode: 'nearest',
    coordinates: 'asymmetric',
    rounding: 'floor',
    ...options,
  };
}

async function check(op: Resize2d, shape: readonly number[], element: ElementType = 'f32'): Promise<Kernel[]> {
  const tensor = storedAs(element, randomTensor(17, shape));
  const [expected] = evaluate(op, tensor);
  const kernels: Kernel[] = [];
  const targets = mapViewsOf(expected.shape, element);
  for (const [i, source] of mapViewsOf(shape, element).entries()) {
    kernels.push(
      await checkKernel(
        ([input], [output]) => resize2d({ input: mapOf(input), output: mapOf(output), op }),
        [{ tensor, view: source.view }],
        [{ tensor: expected, view: targets[i].view }],
        { tolerance: op.mode === 'nearest' ? 0 : 1e-5, shared: i === 1 },
      ),
    );
  }
  return kernels;
}

const SIZES: [number[], [number, number]][] = [
  [
    [2, 8, 3, 5],
    [6, 10],
  ],
  [
    [1, 4, 4, 4],
    [12, 8],
  ],
  [
    [1, 4, 7, 5],
    [5, 11],
  ],
  [
    [1, 4, 9, 8],
    [3, 4],
  ],
  [
    [1, 4, 1, 1],
    [4, 3],
  ],
  [
    [1, 4, 5, 5],
    [1, 1],
  ],
];

describe.each(COORDINATES)('resize with %s coordinates', (coordinates) => {
  it.each(ROUNDINGS)('nearest, %s', async (rounding) => {
    for (const [shape, size] of SIZES) await check(resize(shape, size, { coordinates, rounding }), shape);
  });

  it('linear', async () => {
    for (const [shape, size] of SIZES) await check(resize(shape, size, { coordinates, mode: 'linear' }), shape);
  });
});

describe('resize', () => {
  it('doubles by integers, whatever the sizes, in one pipeline', async () => {
    const kernels = [
      ...(await check(resize([1, 4, 5, 5], [10, 10], {}), [1, 4, 5, 5])),
      ...(await check(resize([2, 8, 3, 7], [6, 14], {}), [2, 8, 3, 7])),
    ];
    expect(new Set(kernels.map(({ body }) => body)).size).toBe(1);
    expect(kernels[0].label).toBe('resize2d nearest f32');
  });

  it('takes a stated scale at its word where it is not the ratio of the sizes', async () => {
    const shape = [1, 4, 7, 7];
    const [kernel] = await check(resize(shape, [10, 10], { scales: [1.5, 1.5], coordinates: 'halfPixel' }), shape);
    expect(kernel.label).toContain('table');
    await check(resize(shape, [10, 10], { scales: [1.5, 1.5], mode: 'linear' }), shape);
  });

  it('stores float16', async () => {
    await check(resize([1, 8, 3, 5], [6, 10], {}), [1, 8, 3, 5], 'f16');
    await check(resize([1, 8, 3, 5], [6, 10], { mode: 'linear', coordinates: 'halfPixel' }), [1, 8, 3, 5], 'f16');
  });
});
