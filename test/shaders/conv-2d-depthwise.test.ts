import { describe, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import { checkCandidates, convolution, kernelTraits, type LayerCase, randomLayer } from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };

const layers: Record<string, LayerCase> = {
  '3 x 3': {
    op: convolution({ groups: 8, pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [8, 6, 7],
    outChannels: 8,
    kernel: [3, 3],
  },
  '3 x 3, stride 2, two images, each a slice': {
    op: convolution({ groups: 12, pads: [1, 1, 1, 1], strides: [2, 2] }),
    batch: 2,
    input: [12, 9, 11],
    outChannels: 12,
    kernel: [3, 3],
    sliced: true,
  },
  'one pixel': {
    op: convolution({ groups: 4, pads: [1, 1, 1, 1] }),
    input: [4, 1, 1],
    outChannels: 4,
    kernel: [3, 3],
  },
  'channels no multiple of 4': {
    op: convolution({ groups: 6, pads: [0, 2, 1, 0] }),
    input: [6, 5, 9],
    outChannels: 6,
    kernel: [2, 3],
  },
  '7 x 7, dilation 2': {
    op: convolution({ groups: 4, pads: [6, 6, 6, 6], dilations: [2, 2], epilogue: [silu] }),
    input: [4, 9, 8],
    outChannels: 4,
    kernel: [7, 7],
  },
  '5 x 9, wider than a subgroup': {
    op: convolution({ groups: 4, pads: [2, 4, 2, 4] }),
    input: [4, 6, 10],
    outChannels: 4,
    kernel: [5, 9],
  },
  'SiLU, then a residual': {
    op: convolution({ groups: 4, pads: [1, 1, 1, 1], epilogue: [silu, { name: 'addResidual', scale: 1 }] }),
    input: [4, 5, 6],
    outChannels: 4,
    kernel: [3, 3],
  },
};

describe('kernels with little text', () => {
  test.each(Object.entries(layers))('%s', async (_, layer) => {
    const engine = await testDevice();
    const made = randomLayer(layer, 1);
    await checkCandidates(engine.device, made, kernelTraits(engine, true), 'compact');
    const narrow = layer.kernel[1] <= kernelTraits(engine, true).smallestSubgroup;
    if (!narrow) return;
    await checkCandidates(engine.device, made, kernelTraits(engine, true), 'broadcast');
    await checkCandidates(engine.device, made, kernelTraits(engine, true), 'rows');
  });

  test('in float16', async ({ skip }) => {
    const engine = await testDevice();
    if (!engine.features.float16) skip('the adapter has no float16');
    const elements = ['f16', 'f16', 'f16', 'f16'] as const;
    const made = randomLayer({ ...layers['3 x 3'], elements }, 2);
    await checkCandidates(engine.device, made, kernelTraits(engine, true), 'compact');
  });
});

/** Each is a text of its own, and long to compile on a processor. */
describe('unrolled kernels', () => {
  test.each(['channels no multiple of 4', 'SiLU, then a residual'])('%s', async (name) => {
    const engine = await testDevice();
    await checkCandidates(engine.device, randomLayer(layers[name], 3), kernelTraits(engine, false), 'unrolled');
  });

  test('2 x 2, strides 1 and 2, dilation 2', async () => {
    const engine = await testDevice();
    const op = convolution({ groups: 4, pads: [1, 1, 1, 1], strides: [1, 2], dilations: [1, 2] });
    const layer = randomLayer({ op, batch: 2, input: [4, 5, 9], outChannels: 4, kernel: [2, 2], sliced: true }, 4);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), 'unrolled');
  });
});
