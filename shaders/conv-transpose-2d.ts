import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import type { ConvolutionCandidate } from './conv-2d.ts';
import { directKernel, isBlocked } from './conv-2d-direct.ts';
import { generalKernel } from './conv-2d-general.ts';
import type { ConvolutionTensors } from './conv-bindings.ts';
import { transposedGeometry } from './conv-geometry.ts';
import { directTiles, tileName } from './conv-tiles.ts';
import type { KernelDevice } from './kernel-device.ts';

/** A transposed convolution layer and where its tensors lie. Output padding shows in the output's size. */
export interface ConvTranspose2dSpec extends ConvolutionTensors {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [vertical: number, horizontal: number];
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilations: readonly [vertical: number, horizontal: number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}

/**
 * Every kernel that supports the layer on the device, the one to choose without measuring first. All take the weights in
 * a convolution's order (see `transposeWeights`), packed as the candidate says.
 *
 * - direct: the output pixels that share their taps form a grid, and each grid is a convolution. An upsampling by 2 with a
 *   2 x 2 kernel is four products of one tap. No dilation.
 * - general: everything.
 */
export function convTranspose2dCandidates(spec: ConvTranspose2dSpec, device: KernelDevice): ConvolutionCandidate[] {
  const general: ConvolutionCandidate = {
    name: 'general',
    weights: 'plain',
    build: () => generalKernel({ ...spec, transposed: true }),
  };
  if (spec.dilations.some((dilation) => dilation !== 1) || !isBlocked(spec)) return [general];
  const geometry = transposedGeometry(spec.output, spec);
  const direct = directTiles(spec.output, device).map(
    (tile): ConvolutionCandidate => ({
      name: tileName(tile),
      weights: 'blocks',
      build: () => directKernel({ ...spec, name: 'convTranspose2d', geometry }, tile),
    }),
  );
  return [...direct, general];
}

/** The candidate to run where nothing was measured. */
export function chooseConvTranspose2d(spec: ConvTranspose2dSpec, device: KernelDevice): ConvolutionCandidate {
  return convTranspose2dCandidates(spec, device)[0];
}
