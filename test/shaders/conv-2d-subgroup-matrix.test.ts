import { describe, expect, test } from 'vitest';
import { assemble } from '../../shaders/assemble.ts';
import { matrixTiles, matrixWorkgroupStorage, subgroupMatrixKernel } from '../../shaders/conv-2d-subgroup-matrix.ts';
import { type GemmConvolution, gemmConvolution } from '../../shaders/conv-gemm.ts';
import type { ElementType } from '../../shaders/kernel.ts';
import { CORE_DEVICE, type KernelDevice, type SubgroupMatrixShape } from '../../shaders/kernel-device.ts';
import { checkCandidate, convolution, randomLayer, specOf, transposedConvolution } from '../support/convolution.ts';
import { nullDevice, testDevice } from '../support/device.ts';
import { withoutSubgroupMatrices } from '../support/subgroup-matrices.ts';

const APPLE: SubgroupMatrixShape[] = [
  { operand: 'f32', result: 'f32', rows: 8, columns: 8, depth: 8 },
  { operand: 'f16', result: 'f16', rows: 8, columns: 8, depth: 8 },
];
const NVIDIA: SubgroupMatrixShape[] = [
  { operand: 'f16', result: 'f16', rows: 16, columns: 16, depth: 16 },
  { operand: 'f16', result: 'f32', rows: 16, columns: 16, depth: 16 },
  { operand: 'f16', result: 'f32', rows: 16, columns: 8, depth: 16 },
];
const INTEL: SubgroupMatrixShape[] = [{ operand: 'f16', result: 'f32', rows: 8, columns: 16, depth: 16 }];

function deviceWith(subgroupMatrices: SubgroupMatrixShape[], largestSubgroup = 32): KernelDevice {
  return {
    ...CORE_DEVICE,
    float16: true,
    smallestSubgroup: 8,
    largestSubgroup,
    maxInvocations: 1024,
    maxWorkgroupStorage: 32768,
    subgroupMatrices,
  };
}

function product(element: ElementType): GemmConvolution {
  const op = convolution({ pads: [1, 1, 1, 1], epilogue: [{ name: 'silu' }, { name: 'addResidual', scale: 1 }] });
  const elements = [element, element, element, element] as const;
  return gemmConvolution(
    'conv2d',
    specOf(randomLayer({ op, input: [8, 3, 3], outChannels: 8, kernel: [3, 3], elements }, 1)),
  );
}

describe('the matrices that a layer can be multiplied with', () => {
  const shapes = (element: ElementType, device: KernelDevice) =>
    matrixTiles(product(element), device).map(({ shape }) => shape);

  test('none where the device has none', () => {
    expect(shapes('f32', deviceWith([]))).toEqual([]);
    expect(shapes('f16', deviceWith([]))).toEqual([]);
  });

  test('sums in float32, and operands as the tensors are stored', () => {
    expect(shapes('f32', deviceWith(APPLE))).toEqual([APPLE[0]]);
    expect(shapes('f16', deviceWith(APPLE))).toEqual([]);
    expect(shapes('f16', deviceWith(NVIDIA))).toEqual(NVIDIA.slice(1));
    expect(shapes('f32', deviceWith(NVIDIA))).toEqual([]);
  });

  test('no more invocations and workgroup memory than the device has', () => {
    const device = deviceWith(NVIDIA);
    for (const tile of matrixTiles(product('f16'), device)) expect(matrixWorkgroupStorage(tile)).toBeLessThan(32768);
    expect(shapes('f16', { ...device, maxWorkgroupStorage: 16384 })).toEqual([]);
    expect(shapes('f16', { ...device, largestSubgroup: 128, maxInvocations: 256 })).toEqual([]);
    expect(shapes('f16', { ...device, largestSubgroup: 4 })).toEqual([]);
  });
});

/** Dawn's null backend has every feature and runs nothing: it says whether the text is a shader. */
describe("the text, to Dawn's compiler", () => {
  const layers: [string, GemmConvolution, SubgroupMatrixShape[]][] = [
    ['float32 on an Apple chip', product('f32'), APPLE],
    ['float16 on an NVIDIA card', product('f16'), NVIDIA],
    ['float16 on an Intel card', product('f16'), INTEL],
    [
      'a transposed convolution',
      gemmConvolution(
        'convTranspose2d',
        specOf(
          randomLayer(
            { op: transposedConvolution({ strides: [2, 2] }), input: [8, 3, 3], outChannels: 8, kernel: [2, 2] },
            1,
          ),
        ),
      ),
      APPLE,
    ],
  ];
  test.each(layers)('%s', async (_, layer, matrices) => {
    const device = await nullDevice();
    const tiles = matrixTiles(layer, deviceWith(matrices));
    expect(tiles.length).toBeGreaterThan(0);
    for (const tile of tiles) {
      const kernel = subgroupMatrixKernel(layer, tile);
      const { messages } = await device.createShaderModule({ code: assemble(kernel) }).getCompilationInfo();
      expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([]);
    }
  });
});

describe('the sums, with matrices that are emulated', () => {
  const op = convolution({
    groups: 2,
    pads: [1, 0, 2, 1],
    strides: [2, 1],
    epilogue: [{ name: 'silu' }, { name: 'addResidual', scale: 1 }],
  });
  test.for([
    ['8x8x8', 'f32', { operand: 'f32', result: 'f32', rows: 8, columns: 8, depth: 8 }, { rows: 2, columns: 1 }],
    ['8x16x16', 'f16', INTEL[0], { rows: 1, columns: 1 }],
  ] as const)('%s', async ([name, element, shape, matrices], { skip }) => {
    const { device, features, adapter } = await testDevice();
    const largestSubgroup = adapter.subgroupSize?.[1] ?? 0;
    if (largestSubgroup === 0) skip('the adapter has no subgroups');
    if (element === 'f16' && !features.float16) skip('the adapter has no float16');
    const elements = [element, element, element, element] as const;
    const layer = randomLayer(
      { op, batch: 2, input: [40, 9, 7], outChannels: 152, kernel: [2, 2], sliced: true, elements },
      31,
    );
    const product = gemmConvolution('conv2d', specOf(layer));
    // More matrices are more text, which takes a processor long to compile.
    const tile = { shape, matrices, depth: 16, largestSubgroup };
    const build = () => [withoutSubgroupMatrices(subgroupMatrixKernel(product, tile), shape)];
    await checkCandidate(device, layer, { name, weights: 'blocks', build });
  });
});
