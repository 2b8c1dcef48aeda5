/**
 * The kernels for a convolution layer, and the choice among them.
 *
 * - direct (conv-2d-direct.ts): whole vec4s of channels in every group; sums in registers.
 * - pointwise (conv-2d-pointwise.ts): 1 x 1, as a matrix product.
 * - depthwise (conv-2d-depthwise.ts): one channel in every group.
 * - winograd (conv-2d-winograd.ts): 3 x 3 of one group, stride and dilation 1; in three dispatches.
 * - general (conv-2d-general.ts): everything, slowly.
 * - for graphics cards (hardware-convolutions.ts, loaded where there is one): implicit GEMM, split sums, subgroup forms, the
 *   first layer, staged depthwise, and an order of all of these.
 *
 * All store float32 or float16, each tensor as it likes, and compute in float32.
 */

import { upsampleOf } from '../engine/graph/epilogue.ts';
import { type DepthwiseForm, depthwiseKernel } from './conv-2d-depthwise.ts';
import { directKernel, isBlocked } from './conv-2d-direct.ts';
import { generalKernel } from './conv-2d-general.ts';
import { isPointwise, pointwiseKernel } from './conv-2d-pointwise.ts';
import { isWinograd, preferredWinograd, winogradCandidate } from './conv-2d-winograd.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';
import { convolutionGeometry } from './conv-geometry.ts';
import { type DirectTile, directTiles, tileName } from './conv-tiles.ts';
import type { KernelDevice } from './kernel-device.ts';

/** Every kernel that supports the layer on the device, the one to choose without measuring first. */
export function conv2dCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const candidates = basicCandidates(spec, device);
  return device.rankConvolutions?.('conv2d', spec, device, candidates) ?? candidates;
}

function basicCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const general = {
    name: 'general',
    weights: 'plain',
    build: () => [generalKernel({ ...spec, transposed: false })],
  } as const;
  // No depthwise kernel reads a residual of another size than its output.
  if (isDepthwise(spec) && upsampleOf(spec.epilogue) === 1) return [...depthwiseCandidates(spec, device), general];
  if (!isBlocked(spec)) return [general];
  const winograd = winogradCandidates(spec, device);
  const preferred = winograd.splice(0, preferredWinograd(spec, device) ? 1 : 0);
  return [...preferred, ...pointwiseCandidates(spec, device), ...directCandidates(spec, device), ...winograd, general];
}

function pointwiseCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  if (!isPointwise(spec)) return [];
  const layer = { ...spec, name: 'conv2d 1x1', kernel: [1, 1] } as const;
  return directTiles(spec.output, device).map((tile) => ({
    name: `pointwise ${tileName(tile)}`,
    weights: 'blocks',
    build: () => [pointwiseKernel(layer, tile)],
  }));
}

/** Taps beyond which a first layer is worth a pipeline of its own: 6 x 6 takes 0.85 of the time with three lanes. */
const FEW_TAPS = 9;

function tilesFor({ input, output, kernel, groups }: ConvolutionSpec, device: KernelDevice): DirectTile[] {
  const tiles = directTiles(output, device);
  const image = input.channels === 3 && groups === 1 && kernel[0] * kernel[1] > FEW_TAPS;
  return image && device.software ? [{ ...tiles[0], lanes: 3 }, ...tiles] : tiles;
}

function directCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const geometry = convolutionGeometry(spec.output, spec);
  return tilesFor(spec, device).map((tile) => ({
    name: `direct ${tileName(tile)}`,
    weights: 'blocks',
    build: () => [directKernel({ ...spec, name: 'conv2d', geometry }, tile)],
  }));
}

function winogradCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  if (!isWinograd(spec)) return [];
  const [products] = directTiles(spec.output, device);
  const tiles = preferredWinograd(spec, device) === 2 ? ([2, 4] as const) : ([4, 2] as const);
  return tiles.map((tile) => winogradCandidate(spec, tile, products, device.software ? 'looped' : 'unrolled'));
}

function isDepthwise({ input, output, groups }: ConvolutionSpec): boolean {
  return groups === input.channels && groups === output.channels && groups > 1;
}

function depthwiseCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const broadcast = spec.kernel[1] <= device.smallestSubgroup;
  // With a stride few inputs are shared between pixels, and reading them tap by tap is less text.
  const together: DepthwiseForm[] = spec.strides[1] === 1 ? ['rows', 'broadcast'] : ['broadcast', 'rows'];
  const compact: DepthwiseForm[] = broadcast ? [...together, 'compact'] : ['compact'];
  const unrolled: DepthwiseForm[] = spec.kernel[0] * spec.kernel[1] <= MOST_UNROLLED_TAPS ? ['unrolled'] : [];
  const forms = device.software ? [...compact, ...unrolled] : [...unrolled, ...compact];
  return forms.flatMap((form) =>
    [4, 1].map((pixels) => ({
      name: `depthwise ${pixels} ${form}`,
      weights: 'depthwise' as const,
      build: () => [depthwiseKernel(spec, form, pixels)],
    })),
  );
}

/** 7 x 7: beyond that, text outweighs what it saves. */
const MOST_UNROLLED_TAPS = 49;
