import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';

/** What a choice of kernels depends on. Nothing of a GPU, so that plans can be made for devices that aren't here. */
export interface KernelDevice {
  /** Whether tensors may be stored as f16. */
  readonly float16: boolean;
  /** The fewest invocations that a subgroup can have here; 0 where the device has no subgroup operations. */
  readonly smallestSubgroup: number;
  /** The most; 0 where the device has no subgroup operations. */
  readonly largestSubgroup: number;
  /** Products of matrices that a subgroup computes at once, where the device can do that. */
  readonly subgroupMatrices: readonly SubgroupMatrixShape[];
  /** Invocations that a workgroup may have. */
  readonly maxInvocations: number;
  /** Bytes of memory that a workgroup may have. */
  readonly maxWorkgroupStorage: number;
  /** A processor does the graphics card's work: memory accesses of a vector's lanes run one after the other. */
  readonly software: boolean;
  /** The kernels that only graphics cards gain from, where they have been loaded; see `loadKernels`. */
  readonly rankConvolutions?: ConvolutionRanking;
}

/**
 * Adds kernels to the candidates for a layer, and puts all of them in order: the one to choose without measuring first.
 * A dozen at the most, for measuring takes time.
 */
export type ConvolutionRanking = (
  operator: 'conv2d' | 'convTranspose2d',
  spec: ConvolutionSpec,
  device: KernelDevice,
  candidates: readonly ConvolutionCandidate[],
) => ConvolutionCandidate[];

/** left [rows][depth] * right [depth][columns], added to result [rows][columns]. */
export interface SubgroupMatrixShape {
  /** How left and right are stored. */
  readonly operand: 'f32' | 'f16';
  readonly result: 'f32' | 'f16';
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** What every device that WebGPU gives has; nothing optional. */
export const CORE_DEVICE = {
  float16: false,
  smallestSubgroup: 0,
  largestSubgroup: 0,
  subgroupMatrices: [],
  maxInvocations: 256,
  maxWorkgroupStorage: 16384,
  software: false,
} as const satisfies KernelDevice;
