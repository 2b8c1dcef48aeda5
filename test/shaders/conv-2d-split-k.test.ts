import { test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import { gemmCandidate } from '../../shaders/conv-2d-split-k.ts';
import { gemmConvolution } from '../../shaders/conv-gemm.ts';
import type { GemmTile } from '../../shaders/conv-gemm-tiles.ts';
import {
  checkCandidate,
  convolution,
  type LayerCase,
  randomLayer,
  specOf,
  transposedConvolution,
} from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };

const TILE: GemmTile = {
  pixels: 8,
  channels: 8,
  invocation: { pixels: 2, channels: 4 },
  depth: 8,
  buffers: 1,
  precision: 'f32',
  splits: 2,
};

const layers: Record<string, [LayerCase, GemmTile]> = {
  'groups of two images, slices, a residual': [
    {
      op: convolution({
        pads: [1, 1, 1, 1],
        groups: 2,
        epilogue: [silu, { name: 'addResidual', scale: 0.5 }],
      }),
      batch: 2,
      input: [24, 5, 4],
      outChannels: 24,
      kernel: [3, 3],
      sliced: true,
    },
    TILE,
  ],
  'more parts than steps': [
    { op: convolution({ epilogue: [silu] }), input: [12, 5, 3], outChannels: 10, kernel: [1, 1] },
    { ...TILE, splits: 4 },
  ],
  'a residual that is upsampled': [
    {
      op: convolution({ epilogue: [{ name: 'addResidual', scale: 1, upsample: 2 }] }),
      batch: 2,
      input: [20, 4, 6],
      outChannels: 8,
      kernel: [1, 1],
    },
    TILE,
  ],
  'steps that overlap, of a transposed convolution': [
    {
      op: transposedConvolution({ strides: [2, 2], pads: [1, 0, 0, 1], outputPadding: [1, 0], epilogue: [silu] }),
      batch: 2,
      input: [20, 4, 3],
      outChannels: 8,
      kernel: [3, 3],
    },
    { ...TILE, buffers: 2, splits: 3 },
  ],
};

test.each(Object.entries(layers))('%s', async (_, [layer, tile]) => {
  const { device } = await testDevice();
  const made = randomLayer(layer, 61);
  await checkCandidate(device, made, gemmCandidate(gemmConvolution(layer.op.type, specOf(made)), tile));
});
