import { describe, expect, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import { type StemTile, stemKernel, stemTileName, stemTiles } from '../../shaders/conv-2d-stem.ts';
import { checkCandidate, convolution, type LayerCase, randomLayer, specOf } from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };
const add: EpilogueStep = { name: 'addResidual', scale: 0.5 };

async function check(layer: LayerCase, tile: StemTile): Promise<void> {
  const { device } = await testDevice();
  const made = randomLayer(layer, 41);
  const build = () => [stemKernel(specOf(made), tile)];
  await checkCandidate(device, made, { name: stemTileName(tile), weights: 'blocks', build });
}

/** All is text, which takes a processor long to compile: small tiles and few taps for what doesn't depend on them. */
describe('sums', () => {
  test('3 x 3, stride 2, odd sizes, two parts of the channels', async () => {
    const op = convolution({ pads: [1, 1, 1, 1], strides: [2, 2], epilogue: [silu] });
    await check({ op, input: [3, 11, 13], outChannels: 6, kernel: [3, 3] }, { pixels: 2, vectors: 1 });
  });

  test('one pixel, nearly all taps in the padding', async () => {
    const op = convolution({ pads: [1, 1, 1, 1], strides: [2, 2], epilogue: [silu] });
    await check({ op, input: [3, 1, 1], outChannels: 6, kernel: [3, 3] }, { pixels: 2, vectors: 1 });
  });

  test('two channels of two images, slices, uneven padding and dilation, a residual, a tile beyond the last channel', async () => {
    const op = convolution({ pads: [0, 3, 2, 1], dilations: [1, 2], epilogue: [silu, add] });
    const layer = { op, batch: 2, input: [2, 6, 9], outChannels: 12, kernel: [2, 2], sliced: true } as const;
    await check(layer, { pixels: 2, vectors: 2 });
  });

  test('float16', async ({ skip }) => {
    if (!(await testDevice()).features.float16) skip('the adapter has no float16');
    const op = convolution({ pads: [1, 1, 1, 1], strides: [2, 2], epilogue: [silu] });
    const elements = ['f16', 'f32', 'f16', 'f16'] as const;
    await check({ op, input: [3, 8, 8], outChannels: 4, kernel: [2, 2], elements }, { pixels: 1, vectors: 1 });
  });
});

test('tiles are for first layers, and take all channels where they can', () => {
  const tiles = (layer: Partial<LayerCase>) =>
    stemTiles(
      specOf(randomLayer({ op: convolution(), input: [3, 8, 8], outChannels: 16, kernel: [3, 3], ...layer }, 1)),
    );
  expect(tiles({})).toEqual([2, 4, 1].map((pixels) => ({ pixels, vectors: 4 })));
  expect(tiles({ outChannels: 48 }).map(({ vectors }) => vectors)).toEqual([6, 6]);
  expect(tiles({ outChannels: 80 }).map(({ vectors }) => vectors)).toEqual([5, 5]);
  expect(tiles({ outChannels: 6 })[0].vectors).toBe(2);
  expect(tiles({ input: [4, 8, 8] })).toEqual([]);
  expect(tiles({ kernel: [7, 7] })).toEqual([]);
});
