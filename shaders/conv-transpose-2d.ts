import { directKernel, isBlocked } from './conv-2d-direct.ts';
import { generalKernel } from './conv-2d-general.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';
import { transposedGeometry } from './conv-geometry.ts';
import { directTiles, tileName } from './conv-tiles.ts';
import type { KernelDevice } from './kernel-device.ts';

/**
 * Every kernel that supports the layer on the device, the one to choose without measuring first. All take the weights in
 * a convolution's order (see `transposeWeights`), packed as the candidate says. Output padding shows in the output's size.
 *
 * - direct: the output pixels that share their taps form a grid, and each grid is a convolution. An upsampling by 2 with a
 *   2 x 2 kernel is four products of one tap. No dilation.
 * - general: everything.
 */
export function convTranspose2dCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const candidates = basicCandidates(spec, device);
  return device.rankConvolutions?.('convTranspose2d', spec, device, candidates) ?? candidates;
}

function basicCandidates(spec: ConvolutionSpec, device: KernelDevice): ConvolutionCandidate[] {
  const general: ConvolutionCandidate = {
    name: 'general',
    weights: 'plain',
    build: () => [generalKernel({ ...spec, transposed: true })],
  };
  if (spec.dilations.some((dilation) => dilation !== 1) || !isBlocked(spec)) return [general];
  const geometry = transposedGeometry(spec.output, spec);
  const direct = directTiles(spec.output, device).map(
    (tile): ConvolutionCandidate => ({
      name: `direct ${tileName(tile)}`,
      weights: 'blocks',
      build: () => [directKernel({ ...spec, name: 'convTranspose2d', geometry }, tile)],
    }),
  );
  return [...direct, general];
}
