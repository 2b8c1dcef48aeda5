/**
 * The kernels for a convolution layer, and the choice among them.
 *
 * - direct (conv-2d-direct.ts): whole vec4s of channels in every group; sums in registers.
 * - depthwise (conv-2d-depthwise.ts): one channel in every group.
 * - general (conv-2d-general.ts): everything, slowly.
 * - for graphics cards (hardware-convolutions.ts, loaded where there is one): implicit GEMM, split sums, subgroup forms, the
 *   first layer, staged depthwise, and an order of all of these.
 *
 * All store float32 or float16, each tensor as it likes, and compute in float32.
 */

import { type DepthwiseForm, depthwiseKernel } from './conv-2d-depthwise.ts';
import { directKernel, isBlocked } from './conv-2d-direct.ts';
import { generalKernel } from './conv-2d-general.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';
import { convolutionGeometry } from './conv-geometry.ts';
import { directTiles, tileName } from './conv-tiles.ts';
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
  if (isDepthwise(spec)) return [...depthwiseCandidates(spec, device), general];
  if (isBlocked(spec)) return [...directCandidates(spec, device), general];
  return [general];
}

function directCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const geometry = convolutionGeometry(spec.output, spec);
  return directTiles(spec.output, device).map((tile) => ({
    name: tileName(tile),
    weights: 'blocks',
    build: () => [directKernel({ ...spec, name: 'conv2d', geometry }, tile)],
  }));
}

function isDepthwise({ input, output, groups }: ConvolutionSpec): boolean {
  return groups === input.channels && groups === output.channels && groups > 1;
}

function depthwiseCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const broadcast = spec.kernel[1] <= device.smallestSubgroup;
  const compact: DepthwiseForm[] = broadcast ? ['broadcast', 'compact'] : ['compact'];
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
