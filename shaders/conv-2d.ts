/**
 * The kernels for a convolution layer, and the choice among them.
 *
 * - direct (conv-2d-direct.ts): whole vec4s of channels in every group; sums in registers.
 * - depthwise (conv-2d-depthwise.ts): one channel in every group.
 * - general (conv-2d-general.ts): everything, slowly.
 *
 * All store float32 or float16, each tensor as it likes, and compute in float32.
 */

import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import { type DepthwiseForm, depthwiseKernel } from './conv-2d-depthwise.ts';
import { directKernel, isBlocked } from './conv-2d-direct.ts';
import { generalKernel } from './conv-2d-general.ts';
import type { ConvolutionTensors } from './conv-bindings.ts';
import { convolutionGeometry } from './conv-geometry.ts';
import { directTiles, tileName } from './conv-tiles.ts';
import type { WeightLayout } from './conv-weights.ts';
import type { Kernel } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';

/** A convolution layer and where its tensors lie. */
export interface Conv2dSpec extends ConvolutionTensors {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [vertical: number, horizontal: number];
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilations: readonly [vertical: number, horizontal: number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}

/** A kernel that can run a layer on a device. */
export interface ConvolutionCandidate {
  /** Family and tile: what a person pins and a tuner remembers. */
  readonly name: string;
  /** How the weights must lie; pack them with `packConvWeights`, and the bias with `packBias`. */
  readonly weights: WeightLayout;
  /** Bindings: input, weights, bias, residual where there is one, output. */
  build(): Kernel;
}

/** Every kernel that supports the layer on the device, the one to choose without measuring first. */
export function conv2dCandidates(spec: Conv2dSpec, device: KernelDevice): ConvolutionCandidate[] {
  const general = {
    name: 'general',
    weights: 'plain',
    build: () => generalKernel({ ...spec, transposed: false }),
  } as const;
  if (isDepthwise(spec)) return [...depthwiseCandidates(spec, device), general];
  if (isBlocked(spec)) return [...directCandidates(spec, device), general];
  return [general];
}

/** The candidate to run where nothing was measured. */
export function chooseConv2d(spec: Conv2dSpec, device: KernelDevice): ConvolutionCandidate {
  return conv2dCandidates(spec, device)[0];
}

function directCandidates(spec: Conv2dSpec, device: KernelDevice): ConvolutionCandidate[] {
  const geometry = convolutionGeometry(spec.output, spec);
  return directTiles(spec.output, device).map((tile) => ({
    name: tileName(tile),
    weights: 'blocks',
    build: () => directKernel({ ...spec, name: 'conv2d', geometry }, tile),
  }));
}

function isDepthwise({ input, output, groups }: Conv2dSpec): boolean {
  return groups === input.channels && groups === output.channels && groups > 1;
}

function depthwiseCandidates(spec: Conv2dSpec, device: KernelDevice): ConvolutionCandidate[] {
  const broadcast = spec.kernel[1] <= device.smallestSubgroup;
  const compact: DepthwiseForm[] = broadcast ? ['broadcast', 'compact'] : ['compact'];
  const unrolled: DepthwiseForm[] = spec.kernel[0] * spec.kernel[1] <= MOST_UNROLLED_TAPS ? ['unrolled'] : [];
  const forms = device.software ? [...compact, ...unrolled] : [...unrolled, ...compact];
  return forms.flatMap((form) =>
    [4, 1].map((pixels) => ({
      name: `depthwise ${pixels} ${form}`,
      weights: 'depthwise' as const,
      build: () => depthwiseKernel(spec, form, pixels),
    })),
  );
}

/** 7 x 7: beyond that, text outweighs what it saves. */
const MOST_UNROLLED_TAPS = 49;
