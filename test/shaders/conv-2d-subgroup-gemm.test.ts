import { describe, expect, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import {
  type SubgroupTile,
  subgroupGemmKernel,
  subgroupTile,
  subgroupTileName,
} from '../../shaders/conv-2d-subgroup-gemm.ts';
import { gemmConvolution } from '../../shaders/conv-gemm.ts';
import { CORE_DEVICE } from '../../shaders/kernel-device.ts';
import { checkCandidate, convolution, type LayerCase, randomLayer, specOf } from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };
const add: EpilogueStep = { name: 'addResidual', scale: 1 };

const TILE: SubgroupTile = { pixels: 8, vectors: 1, loaders: 8, workgroup: 16, lanes: 1 };

const layers: Record<string, LayerCase> = {
  'points, more channels than a workgroup has': {
    op: convolution({ epilogue: [silu] }),
    input: [8, 5, 7],
    outChannels: 76,
    kernel: [1, 1],
  },
  'taps, two groups, two images, slices and a residual': {
    op: convolution({ groups: 2, pads: [1, 0, 2, 1], strides: [2, 1], epilogue: [silu, add] }),
    batch: 2,
    input: [24, 6, 3],
    outChannels: 40,
    kernel: [3, 3],
    sliced: true,
  },
};

const tiles: Record<string, SubgroupTile> = {
  'eight loaders': TILE,
  'four loaders, which read twice': { ...TILE, loaders: 4 },
  'two vec4s of channels, and steps of eight': { ...TILE, vectors: 2, lanes: 2 },
};

describe.each(Object.entries(tiles))('%s', (_, tile) => {
  test.for(Object.entries(layers))('%s', async ([, layer], { skip }) => {
    const { device, adapter } = await testDevice();
    if ((adapter.subgroupSize?.[0] ?? 0) < tile.loaders) skip('subgroups of the adapter are too small');
    const made = randomLayer(layer, 21);
    const product = gemmConvolution('conv2d', specOf(made));
    const build = () => [subgroupGemmKernel(product, tile)];
    await checkCandidate(device, made, { name: subgroupTileName(tile), weights: 'blocks', build });
  });
});

test('a tile suits the channels and the smallest subgroup', () => {
  const on = (smallestSubgroup: number) => ({ ...CORE_DEVICE, smallestSubgroup });
  expect(subgroupTile(16, 8, on(0))).toBeUndefined();
  expect(subgroupTile(8, 8, on(32))).toBeUndefined();
  expect(subgroupTile(16, 8, on(4))).toMatchObject({ loaders: 4, workgroup: 16, vectors: 1 });
  expect(subgroupTile(32, 8, on(16))).toMatchObject({ loaders: 8, workgroup: 32, vectors: 1 });
  expect(subgroupTile(64, 7, on(16))).toMatchObject({ workgroup: 32, vectors: 2, lanes: 1 });
});
