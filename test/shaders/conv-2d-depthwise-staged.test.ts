import { expect, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import {
  canStageDepthwise,
  STAGED_DEPTHWISE,
  stagedDepthwiseKernel,
  stagedDepthwiseStorage,
} from '../../shaders/conv-2d-depthwise-staged.ts';
import { CORE_DEVICE } from '../../shaders/kernel-device.ts';
import { checkCandidate, convolution, type LayerCase, randomLayer, specOf } from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };
const add: EpilogueStep = { name: 'addResidual', scale: 1 };

const layers: Record<string, LayerCase> = {
  '7 x 7, several tiles, channels that no workgroup divides': {
    op: convolution({ groups: 22, pads: [3, 3, 3, 3], epilogue: [silu] }),
    batch: 2,
    input: [22, 9, 17],
    outChannels: 22,
    kernel: [7, 7],
  },
  'one pixel': {
    op: convolution({ groups: 4, pads: [3, 3, 3, 3], epilogue: [silu] }),
    input: [4, 1, 1],
    outChannels: 4,
    kernel: [7, 7],
  },
  '3 x 2, strides, dilation, uneven padding, slices and a residual': {
    op: convolution({
      groups: 12,
      strides: [2, 1],
      dilations: [1, 2],
      pads: [0, 2, 1, 1],
      epilogue: [silu, add],
    }),
    batch: 2,
    input: [12, 19, 10],
    outChannels: 12,
    kernel: [3, 2],
    sliced: true,
  },
  float16: {
    op: convolution({ groups: 8, pads: [2, 2, 2, 2], epilogue: [silu] }),
    input: [8, 5, 9],
    outChannels: 8,
    kernel: [5, 5],
    elements: ['f16', 'f16', 'f16', 'f16'],
  },
};

test.for(Object.entries(layers))('%s', async ([, layer], { skip }) => {
  const { device, features } = await testDevice();
  if (layer.elements && !features.float16) skip('the adapter has no float16');
  const made = randomLayer(layer, 51);
  const build = () => [stagedDepthwiseKernel(specOf(made))];
  await checkCandidate(device, made, { name: STAGED_DEPTHWISE, weights: 'depthwise', build });
});

test('a window must fit into workgroup memory', () => {
  const spec = (strides: [number, number]) => {
    const op = convolution({ groups: 4, strides });
    return specOf(randomLayer({ op, input: [4, 9, 9], outChannels: 4, kernel: [7, 7] }, 1));
  };
  expect(stagedDepthwiseStorage(spec([1, 1]))).toBe(14 * 14 * 64);
  expect(canStageDepthwise(spec([1, 1]), CORE_DEVICE)).toBe(true);
  expect(canStageDepthwise(spec([2, 2]), CORE_DEVICE)).toBe(false);
});
