/**
 * Winograd convolution, F(2x2, 3x3) and F(4x4, 3x3), in three dispatches:
 *
 * 1. The input transform cuts the input into overlapping tiles of n x n pixels, n = m + 2, and writes n * n numbers for
 *    each tile and channel: [image][tile row][tile column][n * n][input channels].
 * 2. The products: for each of the n * n positions a matrix product of tiles and channels. It is a 1 x 1 convolution of
 *    n * n groups, and runs as one (conv-2d-pointwise.ts).
 * 3. The output transform turns n * n products of a tile into m x m pixels, and applies the epilogue.
 *
 * FLOPs: 9 * m * m / (n * n) times fewer products than a direct convolution: 2.25 (m = 2) or 4 (m = 4). Bytes: the input is
 * read (n / m)^2 times, that much is written and read again, and the same for the output: about 4 * (n / m)^2 + 1 numbers
 * for each number in or out, so that few channels don't pay. Rounding grows, see `WINOGRAD_ROUNDING`.
 *
 * On llvmpipe, time relative to direct 4x16 (of the threads that compute):
 *
 *     layer                      m = 4   m = 2
 *     128 channels, 20 x 20      0.43    0.74
 *     64 channels, 80 x 80       0.48    0.91
 *     32 channels, 80 x 80       0.68    1.13
 *     16 channels, 160 x 160     1.05    1.88
 */

import { upsampleOf } from '../engine/graph/epilogue.ts';
import { pointwiseKernel } from './conv-2d-pointwise.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';
import type { DirectTile } from './conv-tiles.ts';
import type { FeatureMap, Kernel } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';
import { type WinogradMatrices, type WinogradTile, winogradMatrices } from './winograd.ts';
import { inputTransform, outputTransform, type TransformForm } from './winograd-transforms.ts';

/** How many times as large as a direct convolution's the rounding errors may be. */
export const WINOGRAD_ROUNDING: Readonly<Record<WinogradTile, number>> = { 2: 4, 4: 24 };

/** Whether the layer is one that minimal filtering can do. */
export function isWinograd({ kernel, strides, dilations, groups, epilogue }: ConvolutionSpec): boolean {
  return (
    upsampleOf(epilogue) === 1 &&
    groups === 1 &&
    kernel.every((size) => size === 3) &&
    [...strides, ...dilations].every((step) => step === 1)
  );
}

/**
 * The tile to choose without measuring, if Winograd's way is to be chosen at all: for layers that are large enough to pay for
 * two more dispatches, with the small tile for small maps as ncnn has it (src/layer/vulkan/convolution_vulkan.cpp). Where
 * the processor computes, a network gains a fifth and takes two seconds longer to compile: only who tunes gets it.
 */
export function preferredWinograd(spec: ConvolutionSpec, { software }: KernelDevice): WinogradTile | undefined {
  const { input, output } = spec;
  const multiplications = 9 * input.channels * output.channels * output.batch * output.height * output.width;
  if (software || !isWinograd(spec) || multiplications < WORTH_DISPATCHES) return undefined;
  return Math.max(output.height, output.width) <= SMALL_MAP ? 2 : 4;
}

/** 20 microseconds at 10 * 10^12 multiplications and additions a second: two dispatches cost about as much. */
const WORTH_DISPATCHES = 2e8;
const SMALL_MAP = 18;

/** @param products The tile of the matrix products */
export function winogradCandidate(
  spec: ConvolutionSpec,
  outputTile: WinogradTile,
  products: DirectTile,
  form: TransformForm,
): ConvolutionCandidate {
  const matrices = winogradMatrices(outputTile);
  const transformed = tileMap(spec, matrices, spec.input);
  // Products of float16 cancel each other in the output transform: they keep their digits.
  const multiplied = { ...tileMap(spec, matrices, spec.output), element: 'f32' } as const;
  return {
    name: `winograd ${outputTile}x${outputTile} ${form}`,
    weights: `winograd${outputTile}`,
    rounding: WINOGRAD_ROUNDING[outputTile],
    scratch: [scratch('transformed', transformed), scratch('products', multiplied)],
    build: () => [
      inputTransform({ ...spec, matrices, form, tiles: transformed }),
      bind(productsKernel(spec, matrices, transformed, multiplied, products), {
        input: 'transformed',
        output: 'products',
      }),
      outputTransform({ ...spec, matrices, form, tiles: multiplied }),
    ],
  };
}

function productsKernel(
  { weightElement }: ConvolutionSpec,
  { inputTile }: WinogradMatrices,
  input: FeatureMap,
  output: FeatureMap,
  tile: DirectTile,
): Kernel {
  const groups = inputTile * inputTile;
  const layer = { name: 'winograd products', kernel: [1, 1], groups, epilogue: [], unbiased: true } as const;
  return pointwiseKernel({ ...layer, input, output, weightElement }, tile);
}

/** Tiles as pixels, the numbers of a tile as channels: n * n times those of `map`, filled up to whole vec4s. */
function tileMap(
  { output }: ConvolutionSpec,
  { inputTile, outputTile }: WinogradMatrices,
  map: FeatureMap,
): FeatureMap {
  const channels = inputTile * inputTile * Math.ceil(map.channels / 4) * 4;
  const [height, width] = [output.height, output.width].map((size) => Math.ceil(size / outputTile));
  const imageStride = height * width * channels;
  return { ...map, height, width, channels, offset: 0, imageStride, pixelStride: channels };
}

function scratch(name: string, { element, batch, imageStride }: FeatureMap) {
  return { name, element, elements: batch * imageStride };
}

/** The kernel with tensors of other names than its bindings have. */
function bind(kernel: Kernel, tensors: Readonly<Record<string, string>>): Kernel {
  return { ...kernel, bindings: kernel.bindings.map((binding) => ({ ...binding, tensor: tensors[binding.name] })) };
}
