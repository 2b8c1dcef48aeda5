import { expect, test } from 'vitest';
import { CORE_DEVICE } from '../../shaders/kernel-device.ts';
import {
  candidatesOf,
  checkCandidate,
  checkCandidates,
  kernelTraits,
  type LayerCase,
  randomLayer,
  transposedConvolution,
} from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const layers: Record<string, LayerCase> = {
  'upsampling by 2': {
    op: transposedConvolution({ strides: [2, 2], epilogue: [{ name: 'silu' }] }),
    input: [8, 5, 3],
    outChannels: 12,
    kernel: [2, 2],
  },
  'upsampling of two images, each a slice': {
    op: transposedConvolution({ strides: [2, 2] }),
    batch: 2,
    input: [6, 3, 4],
    outChannels: 5,
    kernel: [2, 2],
    sliced: true,
  },
  'one pixel': { op: transposedConvolution(), input: [4, 1, 1], outChannels: 4, kernel: [3, 3] },
  'overlapping taps, output padding': {
    op: transposedConvolution({ strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] }),
    input: [4, 4, 5],
    outChannels: 8,
    kernel: [3, 3],
  },
  'uneven padding, strides 3 and 1': {
    op: transposedConvolution({ strides: [3, 1], pads: [2, 0, 1, 1] }),
    input: [4, 4, 5],
    outChannels: 4,
    kernel: [4, 3],
  },
  'pixels that no tap reaches': {
    op: transposedConvolution({ strides: [3, 3] }),
    input: [4, 3, 3],
    outChannels: 4,
    kernel: [2, 1],
  },
  'two groups, a residual': {
    op: transposedConvolution({ strides: [2, 2], groups: 2, epilogue: [{ name: 'addResidual', scale: 1 }] }),
    input: [8, 4, 3],
    outChannels: 16,
    kernel: [2, 2],
  },
  'groups of one channel': {
    op: transposedConvolution({ strides: [2, 2], groups: 3, pads: [1, 1, 1, 1] }),
    input: [3, 4, 3],
    outChannels: 6,
    kernel: [4, 4],
  },
  dilation: {
    op: transposedConvolution({ strides: [2, 1], dilations: [3, 2], pads: [1, 2, 0, 0] }),
    input: [4, 4, 3],
    outChannels: 4,
    kernel: [3, 2],
  },
};

test.each(Object.entries(layers))('%s', async (_, layer) => {
  const engine = await testDevice();
  const made = randomLayer(layer, 1);
  const [chosen] = candidatesOf(made, kernelTraits(engine, true));
  await checkCandidate(engine.device, made, chosen);
  await checkCandidates(engine.device, made, kernelTraits(engine, true), 'general');
});

test('every candidate', async () => {
  const engine = await testDevice();
  const layer = randomLayer(layers['overlapping taps, output padding'], 2);
  await checkCandidates(engine.device, layer, kernelTraits(engine, true));
});

test('dilated taps and groups of odd size have the general kernel only', () => {
  const traits = { ...CORE_DEVICE, float16: false, smallestSubgroup: 8, software: true };
  for (const name of ['dilation', 'groups of one channel']) {
    expect(candidatesOf(randomLayer(layers[name], 1), traits).map((candidate) => candidate.name)).toEqual(['general']);
  }
});
