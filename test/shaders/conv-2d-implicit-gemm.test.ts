import { describe, expect, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import { implicitGemmKernel } from '../../shaders/conv-2d-implicit-gemm.ts';
import type { ConvolutionCandidate } from '../../shaders/conv-candidate.ts';
import { gemmConvolution } from '../../shaders/conv-gemm.ts';
import { type GemmTile, gemmTileName, gemmTiles } from '../../shaders/conv-gemm-tiles.ts';
import {
  checkCandidate,
  convolution,
  type Layer,
  type LayerCase,
  randomLayer,
  specOf,
  transposedConvolution,
} from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };
const add: EpilogueStep = { name: 'addResidual', scale: 1 };

/** Small, and little text: for what doesn't depend on a tile's size. */
const SMALL: GemmTile = {
  pixels: 8,
  channels: 8,
  invocation: { pixels: 2, channels: 4 },
  depth: 8,
  buffers: 1,
  precision: 'f32',
  splits: 1,
};

function gemm(layer: Layer, tile: GemmTile): ConvolutionCandidate {
  const product = gemmConvolution(layer.layer.op.type, specOf(layer));
  return { name: gemmTileName(tile), weights: 'blocks', build: () => [implicitGemmKernel(product, tile)] };
}

/** Layers of the same epilogue share a text, which takes a processor longer to compile than to run. */
const layers: Record<string, LayerCase> = {
  'a point': { op: convolution({ epilogue: [silu] }), input: [8, 5, 7], outChannels: 12, kernel: [1, 1] },
  'points of slices of two images, less channels than a step': {
    op: convolution({ epilogue: [silu] }),
    batch: 2,
    input: [4, 5, 3],
    outChannels: 20,
    kernel: [1, 1],
    sliced: true,
  },
  'one pixel, all taps but one in the padding': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [4, 1, 1],
    outChannels: 4,
    kernel: [3, 3],
  },
  'points with stride 2': {
    op: convolution({ strides: [2, 2], epilogue: [silu] }),
    input: [12, 7, 5],
    outChannels: 8,
    kernel: [1, 1],
  },
  'three channels in, stride 2': {
    op: convolution({ pads: [1, 1, 1, 1], strides: [2, 2], epilogue: [silu] }),
    input: [3, 11, 13],
    outChannels: 16,
    kernel: [3, 3],
  },
  'channels no multiple of 4, of a step or of a tile': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [21, 9, 5],
    outChannels: 45,
    kernel: [3, 3],
  },
  'a kernel of 5 x 2, padded unevenly': {
    op: convolution({ pads: [0, 1, 3, 0], epilogue: [silu] }),
    input: [8, 7, 6],
    outChannels: 8,
    kernel: [5, 2],
  },
  'dilation 2 and 3, strides 1 and 3': {
    op: convolution({ pads: [2, 3, 2, 3], dilations: [2, 3], strides: [1, 3], epilogue: [silu] }),
    input: [12, 8, 9],
    outChannels: 8,
    kernel: [3, 3],
  },
  'two groups, two images, slices and a residual': {
    op: convolution({ groups: 2, pads: [1, 1, 1, 1], epilogue: [silu, add] }),
    batch: 2,
    input: [24, 5, 4],
    outChannels: 40,
    kernel: [3, 3],
    sliced: true,
  },
  'the residual times a number, then ReLU': {
    op: convolution({ epilogue: [{ name: 'addResidual', scale: -0.375 }, { name: 'relu' }] }),
    input: [8, 3, 5],
    outChannels: 12,
    kernel: [1, 1],
  },
  'a residual that is upsampled': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [{ name: 'addResidual', scale: 1, upsample: 2 }, silu] }),
    input: [8, 4, 6],
    outChannels: 16,
    kernel: [3, 3],
  },
  'the input in the output buffer': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [8, 5, 6],
    outChannels: 16,
    kernel: [3, 3],
    shared: 'input',
  },
  'a transposed kernel of the size of its stride': {
    op: transposedConvolution({ strides: [2, 2], epilogue: [silu] }),
    input: [12, 5, 3],
    outChannels: 10,
    kernel: [2, 2],
  },
  'overlapping transposed taps, output padding': {
    op: transposedConvolution({ strides: [2, 3], pads: [1, 0, 1, 1], outputPadding: [1, 0], epilogue: [silu] }),
    batch: 2,
    input: [8, 4, 3],
    outChannels: 12,
    kernel: [3, 4],
  },
  'a transposed kernel smaller than its stride': {
    op: transposedConvolution({ strides: [3, 2], epilogue: [silu] }),
    input: [4, 3, 4],
    outChannels: 8,
    kernel: [1, 1],
  },
};

test.each(Object.entries(layers))('%s', async (_, layer) => {
  const { device } = await testDevice();
  const made = randomLayer(layer, 11);
  await checkCandidate(device, made, gemm(made, SMALL));
});

describe('steps that overlap', () => {
  const names = [
    'a point',
    'points of slices of two images, less channels than a step',
    'one pixel, all taps but one in the padding',
    'channels no multiple of 4, of a step or of a tile',
    'a transposed kernel smaller than its stride',
  ];
  test.each(names)('%s', async (name) => {
    const { device } = await testDevice();
    const made = randomLayer(layers[name], 11);
    await checkCandidate(device, made, gemm(made, { ...SMALL, buffers: 2 }));
  });
});

describe('every tile', () => {
  const layer = randomLayer(
    { op: convolution({ pads: [1, 1, 1, 1] }), batch: 2, input: [20, 9, 9], outChannels: 136, kernel: [3, 3] },
    12,
  );
  test.each(gemmTiles(20).map((tile) => [gemmTileName(tile), tile] as const))('%s', async (_, tile) => {
    const { device } = await testDevice();
    await checkCandidate(device, layer, gemm(layer, tile));
  });
});

describe('longer steps', () => {
  test.each([16, 32])('%d channels', async (depth) => {
    const { device } = await testDevice();
    const op = convolution({ pads: [1, 0, 0, 1], epilogue: [silu] });
    const layer = randomLayer({ op, input: [36, 5, 3], outChannels: 20, kernel: [2, 2] }, 14);
    const tile: GemmTile = { ...SMALL, pixels: 16, channels: 16, depth };
    await checkCandidate(device, layer, gemm(layer, tile));
  });
});

describe('float16', () => {
  const op = convolution({ pads: [1, 1, 1, 1], epilogue: [silu, add] });
  const layer = randomLayer(
    { op, input: [24, 5, 6], outChannels: 18, kernel: [3, 3], elements: ['f16', 'f16', 'f16', 'f16'] },
    13,
  );

  test.for(['f32', 'f16 staged'] as const)('stored, computed as %s', async (precision, { skip }) => {
    const { device, features } = await testDevice();
    if (!features.float16) skip('the adapter has no float16');
    await checkCandidate(device, layer, gemm(layer, { ...SMALL, precision }));
  });

  test('products of a step in float16', async ({ skip }) => {
    const { device, features } = await testDevice();
    if (!features.float16) skip('the adapter has no float16');
    const tile: GemmTile = { ...SMALL, precision: 'f16 products' };
    // Of a step's products and sums, each rounds by at most 2^-11 of the magnitudes that are added up, instead of 2^-24.
    const bounds = layer.bounds.map((bound) => bound + (bound * tile.depth * 2 ** -11) / (2 * (24 * 9 + 8) * 2 ** -24));
    await checkCandidate(device, { ...layer, bounds }, gemm(layer, tile));
    await expect(checkCandidate(device, layer, gemm(layer, tile))).rejects.toThrow(/element/);
  });
});
