/**
 * Convolution as a product of matrices that are never written down (implicit GEMM): rows are output pixels, of all images;
 * columns are the output channels of a group; the terms of a sum are the taps of the kernel, and for each tap the group's
 * input channels. A workgroup computes a tile of the product, and goes over the terms in steps: `depth` input channels of
 * one tap. Everything here is about this division of work; what computes a tile is in the kernels' own files.
 */

import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import type { ConvolutionTensors } from './conv-bindings.ts';
import type { ConvolutionSpec } from './conv-candidate.ts';
import { type ConvGeometry, convolutionGeometry, transposedGeometry } from './conv-geometry.ts';
import { dispatchSize } from './dispatch-size.ts';
import { channelVectors } from './feature-map.ts';
import type { Kernel, Parameter } from './kernel.ts';

/** A layer that is computed as a product; the weights in the layout 'blocks', groups of whole vec4s (see `isBlocked`). */
export interface GemmConvolution extends ConvolutionTensors {
  readonly name: 'conv2d' | 'convTranspose2d';
  readonly kernel: readonly [height: number, width: number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
  readonly geometry: ConvGeometry;
  /** Every output pixel reads the input pixel of its own place and no other. */
  readonly pointwise: boolean;
}

/** @throws RangeError for a transposed convolution with dilation, which has no geometry */
export function gemmConvolution(name: GemmConvolution['name'], spec: ConvolutionSpec): GemmConvolution {
  const { input, output, residual, weightElement, kernel, strides, pads, dilations, groups, epilogue } = spec;
  const transposed = name === 'convTranspose2d';
  if (transposed && dilations.some((dilation) => dilation !== 1)) {
    throw new RangeError('A transposed convolution with dilation is no product of matrices here');
  }
  const pointwise =
    kernel.every((size) => size === 1) && strides.every((by) => by === 1) && pads.every((pad) => pad === 0);
  return {
    name,
    input,
    output,
    ...(residual ? { residual } : {}),
    weightElement,
    kernel,
    groups,
    epilogue,
    geometry: transposed ? transposedGeometry(output, spec) : convolutionGeometry(output, spec),
    // A transposed convolution of a point may fill output padding, which no input pixel reaches.
    pointwise: pointwise && input.height === output.height && input.width === output.width,
  };
}

/** The size of the product. */
export interface GemmSize {
  /** Output pixels of all images that share their taps: all of a convolution's, those of one phase if it is transposed. */
  readonly pixels: number;
  readonly phases: number;
  readonly groups: number;
  /** vec4s of output and input channels of one group. */
  readonly outVectors: number;
  readonly inVectors: number;
  /** Taps of one output pixel, at the most. */
  readonly taps: number;
}

export function gemmSize({ input, output, kernel, groups, geometry }: GemmConvolution): GemmSize {
  const phases = geometry.phases;
  return {
    pixels: output.batch * geometry.grid[0] * geometry.grid[1],
    phases,
    groups,
    outVectors: Math.ceil(channelVectors(output) / groups),
    inVectors: Math.ceil(channelVectors(input) / groups),
    taps: Math.ceil((kernel[0] * kernel[1]) / phases),
  };
}

/** The tile of a workgroup, and how many workgroups share the terms of its sums. */
export interface GemmDivision {
  readonly pixels: number;
  readonly channels: number;
  readonly splits: number;
}

/** Along x tiles of channels, so that workgroups that follow each other read the same pixels. */
export function gemmWorkgroups(
  size: GemmSize,
  division: GemmDivision,
): { workgroups: Kernel['workgroups']; parameters: Parameter[] } {
  const tilesPerGroup = Math.ceil((size.outVectors * 4) / division.channels);
  const [lines, folds] = dispatchSize(Math.ceil(size.pixels / division.pixels), 1);
  return {
    workgroups: [size.groups * tilesPerGroup, lines, folds * size.phases * division.splits],
    parameters: [
      { name: 'tilesPerGroup', type: 'u32', value: tilesPerGroup },
      { name: 'dispatchLines', type: 'u32', value: lines },
      { name: 'splits', type: 'u32', value: division.splits },
    ],
  };
}

/**
 * WGSL: which tile the workgroup computes. Declares `phase`, `group`, `vector` (the tile's first vec4 of output channels in
 * its group), `first` (the number of its first pixel) and `split`.
 */
export function tileText({ geometry }: GemmConvolution, { pixels, channels }: GemmDivision): string {
  return `let phase = workgroup.z % ${geometry.phases}u;
  let splitLine = workgroup.z / ${geometry.phases}u;
  let split = splitLine % params.splits;
  ${geometry.prologue}
  let group = workgroup.x / params.tilesPerGroup;
  let vector = (workgroup.x - group * params.tilesPerGroup) * ${channels / 4}u;
  let first = ((splitLine / params.splits) * params.dispatchLines + workgroup.y) * ${pixels}u;`;
}
