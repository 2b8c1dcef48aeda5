import { describe, expect, test } from 'vitest';
import type { EpilogueStep } from '../../engine/graph/ops/conv-2d.ts';
import { CORE_DEVICE } from '../../shaders/kernel-device.ts';
import {
  candidatesOf,
  checkCandidate,
  checkCandidates,
  convolution,
  kernelTraits,
  type LayerCase,
  layerShape,
  randomLayer,
} from '../support/convolution.ts';
import { testDevice } from '../support/device.ts';

const silu: EpilogueStep = { name: 'silu' };
const add: EpilogueStep = { name: 'addResidual', scale: 1 };

/** Compact kernels are the same text for all of these, so each layer costs no more than running it. */
const layers: Record<string, LayerCase> = {
  'a point': { op: convolution(), input: [8, 5, 7], outChannels: 12, kernel: [1, 1] },
  'one pixel, all taps but one in the padding': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [4, 1, 1],
    outChannels: 4,
    kernel: [3, 3],
  },
  'three channels in, stride 2': {
    op: convolution({ pads: [1, 1, 1, 1], strides: [2, 2], epilogue: [silu] }),
    input: [3, 11, 13],
    outChannels: 16,
    kernel: [3, 3],
  },
  'one channel out, a sigmoid': {
    op: convolution({ epilogue: [{ name: 'sigmoid' }] }),
    input: [16, 4, 9],
    outChannels: 1,
    kernel: [1, 1],
  },
  'channels no multiple of 4, of any tile': {
    op: convolution({ pads: [1, 1, 1, 1] }),
    input: [6, 9, 5],
    outChannels: 45,
    kernel: [3, 3],
  },
  'as many channels as the largest tile': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [20, 6, 6],
    outChannels: 64,
    kernel: [3, 3],
  },
  'a kernel of 5 x 2, padded unevenly': {
    op: convolution({ pads: [0, 1, 3, 0] }),
    input: [8, 7, 6],
    outChannels: 8,
    kernel: [5, 2],
  },
  'a kernel of 6 x 6, stride 2, as the first of YOLOv5': {
    op: convolution({ pads: [2, 2, 2, 2], strides: [2, 2], epilogue: [silu] }),
    input: [3, 16, 14],
    outChannels: 16,
    kernel: [6, 6],
  },
  'a kernel of 7 x 7 on a smaller map': {
    op: convolution({ pads: [3, 3, 3, 3] }),
    input: [4, 4, 3],
    outChannels: 4,
    kernel: [7, 7],
  },
  'dilation 2 and 3': {
    op: convolution({ pads: [2, 3, 2, 3], dilations: [2, 3] }),
    input: [4, 8, 9],
    outChannels: 8,
    kernel: [3, 3],
  },
  'strides 3 and 1': {
    op: convolution({ pads: [1, 0, 0, 2], strides: [3, 1] }),
    input: [5, 10, 7],
    outChannels: 7,
    kernel: [3, 3],
  },
  'two groups of whole vec4s': {
    op: convolution({ groups: 2, pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [16, 5, 5],
    outChannels: 24,
    kernel: [3, 3],
  },
  'three groups of 2 channels': {
    op: convolution({ groups: 3, pads: [1, 1, 1, 1] }),
    input: [6, 5, 4],
    outChannels: 9,
    kernel: [3, 3],
  },
  'two images, each a slice': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    batch: 2,
    input: [12, 5, 3],
    outChannels: 20,
    kernel: [3, 3],
    sliced: true,
  },
};

/** Residuals, and activations that no parameter chooses. */
const epilogues: Record<string, LayerCase> = {
  'SiLU, then the residual': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu, add] }),
    batch: 2,
    input: [8, 5, 5],
    outChannels: 22,
    kernel: [3, 3],
    sliced: true,
  },
  'the residual times a number, then ReLU': {
    op: convolution({ epilogue: [{ name: 'addResidual', scale: -0.375 }, { name: 'relu' }] }),
    input: [8, 3, 5],
    outChannels: 12,
    kernel: [1, 1],
  },
  'a residual of half the size, then SiLU': {
    op: convolution({ epilogue: [{ ...add, upsample: 2 }, silu] }),
    batch: 2,
    input: [8, 6, 10],
    outChannels: 20,
    kernel: [1, 1],
    sliced: true,
  },
  'a residual of a third of the size times a number': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [{ name: 'addResidual', scale: 0.5, upsample: 3 }] }),
    input: [6, 3, 9],
    outChannels: 7,
    kernel: [3, 3],
  },
  'a residual of half the size, depthwise': {
    op: convolution({ groups: 8, pads: [1, 1, 1, 1], epilogue: [{ ...add, upsample: 2 }] }),
    input: [8, 4, 6],
    outChannels: 8,
    kernel: [3, 3],
  },
  'leaky ReLU': {
    op: convolution({ epilogue: [{ name: 'leakyRelu', alpha: 0.1 }] }),
    input: [4, 6, 5],
    outChannels: 16,
    kernel: [1, 1],
  },
};

const shared: Record<string, LayerCase> = {
  'the input in the output buffer': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu] }),
    input: [8, 5, 6],
    outChannels: 16,
    kernel: [3, 3],
    shared: 'input',
  },
  'the residual in the output buffer': {
    op: convolution({ pads: [1, 1, 1, 1], epilogue: [silu, add] }),
    input: [8, 5, 6],
    outChannels: 16,
    kernel: [3, 3],
    shared: 'residual',
  },
};

describe('kernels with little text', () => {
  test.each(Object.entries(layers))('%s', async (_, layer) => {
    const engine = await testDevice();
    await checkCandidates(engine.device, randomLayer(layer, 1), kernelTraits(engine, true));
  });

  /** Every epilogue and every sharing of buffers is a text of its own. */
  test.each(Object.entries({ ...epilogues, ...shared }))('%s', async (_, layer) => {
    const engine = await testDevice();
    const made = randomLayer(layer, 2);
    const [chosen] = candidatesOf(made, kernelTraits(engine, true));
    await checkCandidate(engine.device, made, chosen);
    await checkCandidates(engine.device, made, kernelTraits(engine, true), 'general');
  });
});

/** Each is a text of its own, and long to compile on a processor: few shapes, and small tiles for more than one tap. */
describe('unrolled kernels', () => {
  test.each(['1x4', '2x8', '4x8', '4x16'])('%s of a point', async (tile) => {
    const engine = await testDevice();
    const op = convolution({ groups: 2 });
    const layer = randomLayer({ op, batch: 2, input: [8, 5, 3], outChannels: 24, kernel: [1, 1], sliced: true }, 3);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), `direct ${tile} load unrolled`);
  });

  test('taps, SiLU and a residual', async () => {
    const engine = await testDevice();
    const op = convolution({ pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2], epilogue: [silu, add] });
    const layer = randomLayer({ op, input: [5, 7, 6], outChannels: 10, kernel: [3, 2] }, 4);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), 'direct 1x4 load unrolled');
  });

  test('several pixels and vec4s', async () => {
    const engine = await testDevice();
    const op = convolution({ pads: [0, 1, 0, 1] });
    const layer = randomLayer({ op, input: [5, 3, 6], outChannels: 10, kernel: [1, 3] }, 4);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), 'direct 2x8 load unrolled');
  });

  test('more taps than are unrolled', async () => {
    const engine = await testDevice();
    const op = convolution({ pads: [2, 2, 2, 2] });
    const layer = randomLayer({ op, input: [4, 6, 6], outChannels: 4, kernel: [5, 5] }, 5);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), 'direct 2x8 load unrolled');
  });
});

describe('tensors in float16', () => {
  test.for([
    ['everything', ['f16', 'f16', 'f16', 'f16']],
    ['all but the output', ['f16', 'f16', 'f16', 'f32']],
    ['the weights alone', ['f32', 'f16', 'f32', 'f32']],
  ] as const)('%s', async ([, elements], { skip }) => {
    const engine = await testDevice();
    if (!engine.features.float16) skip('the adapter has no float16');
    const op = convolution({ pads: [1, 1, 1, 1], epilogue: [silu, add] });
    const layer = randomLayer({ op, input: [24, 5, 6], outChannels: 18, kernel: [3, 3], elements }, 6);
    const candidates = candidatesOf(layer, kernelTraits(engine, true));
    for (const family of ['direct 4x16', 'winograd 4x4', 'winograd 2x2', 'general']) {
      const candidate = candidates.find(({ name }) => name.startsWith(family));
      if (candidate) await checkCandidate(engine.device, layer, candidate);
    }
  });
});

describe('Winograd, every row as text', () => {
  test.each([
    'one pixel, all taps but one in the padding',
    'channels no multiple of 4, of any tile',
    'two images, each a slice',
  ])('%s', async (name) => {
    const engine = await testDevice();
    await checkCandidates(engine.device, randomLayer(layers[name], 8), kernelTraits(engine, false), 'winograd');
  });

  test('a residual', async () => {
    const engine = await testDevice();
    const layer = randomLayer(epilogues['SiLU, then the residual'], 9);
    await checkCandidates(engine.device, layer, kernelTraits(engine, false), 'winograd');
  });
});

describe('the choice without measuring', () => {
  const layer = (batch: number) =>
    randomLayer({ op: convolution(), batch, input: [4, 8, 8], outChannels: 32, kernel: [1, 1] }, 7);

  test.each([
    [{ ...CORE_DEVICE, float16: false, smallestSubgroup: 8, software: true }, 'pointwise 4x16 broadcast8 compact'],
    [{ ...CORE_DEVICE, float16: false, smallestSubgroup: 4, software: true }, 'pointwise 4x16 broadcast4 compact'],
    [{ ...CORE_DEVICE, float16: false, smallestSubgroup: 0, software: true }, 'pointwise 4x8 load compact'],
    [{ ...CORE_DEVICE, float16: false, smallestSubgroup: 32, software: false }, 'pointwise 1x4 load unrolled'],
  ] as const)('on %j', (traits, name) => {
    expect(candidatesOf(layer(1), traits)[0].name).toBe(name);
  });

  test('larger tiles for more pixels', () => {
    const traits = { ...CORE_DEVICE, float16: false, smallestSubgroup: 32, software: false };
    expect(candidatesOf(layer(128), traits)[0].name).toBe('pointwise 4x16 load unrolled');
  });

  test.each([
    [{ channels: 64, size: 80, software: true }, 'direct 4x16 broadcast8 compact'],
    [{ channels: 8, size: 40, software: true }, 'direct 4x16 broadcast8 compact'],
    [{ channels: 64, size: 80, software: false }, 'winograd 4x4 unrolled'],
    [{ channels: 512, size: 13, software: false }, 'winograd 2x2 unrolled'],
    [{ channels: 64, size: 40, software: false }, 'direct 2x8 load unrolled'],
  ] as const)('3 x 3: %j', ({ channels, size, software }, name) => {
    const op = convolution({ pads: [1, 1, 1, 1] });
    const shape = [1, channels, size, size] as const;
    const wide = layerShape({ op, input: [channels, size, size], outChannels: channels, kernel: [3, 3] }, shape);
    expect(candidatesOf(wide, { ...CORE_DEVICE, float16: false, smallestSubgroup: 8, software })[0].name).toBe(name);
  });

  test('names are distinct', () => {
    const names = candidatesOf(layer(1), { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false }).map(
      ({ name }) => name,
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
