/**
 * What a kernel for a layer may cost on a graphics card, to put kernels in order where nothing was measured. The unit is
 * the time that one lane takes for one multiplication and addition; only the order means anything. It is the roofline in
 * small: what an invocation computes and reads, times how often the device has to be filled for all invocations to run.
 * ONNX Runtime and ncnn decide by the same quantities, with thresholds instead of a sum: tiles by whether there are enough
 * workgroups (128 in ONNX Runtime's im2col on Intel's cards), split sums where there are not, and small tiles for small maps.
 */

import type { SubgroupTile } from './conv-2d-subgroup-gemm.ts';
import type { GemmSize } from './conv-gemm.ts';
import { type GemmTile, invocationGrid } from './conv-gemm-tiles.ts';
import type { DirectTile } from './conv-tiles.ts';

/** Lanes that compute at once: a middling graphics card, 32 units of 128. */
const DEVICE_LANES = 4096;

/** Reading an element from workgroup memory: 8 x 8 sums are then computed at 0.8 of the peak, 4 x 4 at 0.67. */
const WORKGROUP_READ = 1;

/** Reading an element through the cache, for one invocation alone: a third of workgroup memory's bandwidth, with misses. */
const CACHE_READ = 3;

/** By how much sums in an array, and loops instead of text, slow a direct kernel down. */
const COMPACT = 1.25;

/** Copying an element to workgroup memory: the address, the read and the write. */
const COPY = 4;

/** The two barriers of a step, where not all of a compute unit's subgroups wait at once. */
const BARRIERS = 16;

/**
 * By how much steps that overlap slow down an invocation of many sums: what is read ahead is held in registers, and then
 * fewer subgroups fit into a compute unit.
 */
const CROWDED = 1.1;
const MANY_SUMS = 64;

/** What the epilogue, and finding out where it writes to, takes for an element of the output. */
const RESULT = 8;

/** Writing a partial sum, and reading it again. */
const PARTIAL_SUM = 8;

/** A further dispatch, which waits for the one before: some 3 microseconds. */
const DISPATCH = 4000;

/** How often the device is filled, at least once. */
function rounds(invocations: number): number {
  return Math.max(1, invocations / DEVICE_LANES);
}

export function gemmCost(tile: GemmTile, { pixels, phases, groups, outVectors, inVectors, taps }: GemmSize): number {
  const { columns, rows } = invocationGrid(tile);
  const invocations = columns * rows;
  const tiles = phases * groups * Math.ceil(pixels / tile.pixels) * Math.ceil((outVectors * 4) / tile.channels);
  const steps = Math.ceil((taps * Math.ceil((inVectors * 4) / tile.depth)) / tile.splits);
  const own = tile.invocation;
  const sums = own.pixels * own.channels;
  const step =
    tile.depth * (sums + WORKGROUP_READ * (own.pixels + own.channels)) +
    (COPY * tile.depth * (tile.pixels + tile.channels)) / invocations +
    BARRIERS / tile.buffers;
  const crowded = tile.buffers === 2 && sums >= MANY_SUMS ? CROWDED : 1;
  const once = crowded * rounds(tiles * tile.splits * invocations) * (steps * step + RESULT * sums);
  if (tile.splits === 1) return once;
  const partialSums = phases * groups * pixels * outVectors * 4 * tile.splits;
  return once + DISPATCH + (PARTIAL_SUM * partialSums) / DEVICE_LANES;
}

export function directCost(
  tile: DirectTile,
  { pixels, phases, groups, outVectors, inVectors, taps }: GemmSize,
): number {
  const invocations = phases * groups * Math.ceil(pixels / tile.pixels) * Math.ceil(outVectors / tile.vectors);
  const channels = tile.vectors * 4;
  const sums = tile.pixels * channels;
  const term = sums + CACHE_READ * (tile.pixels + channels);
  const form = tile.form === 'compact' ? COMPACT : 1;
  return form * rounds(invocations) * (taps * inVectors * 4 * term + RESULT * sums);
}

/** Weights come through the cache, and input by broadcasts, which cost as much as reading workgroup memory. */
export function subgroupCost(tile: SubgroupTile, size: GemmSize): number {
  const { pixels, phases, groups, outVectors, inVectors, taps } = size;
  const channels = tile.vectors * 4;
  const tiles =
    phases * groups * Math.ceil(pixels / tile.pixels) * Math.ceil(outVectors / (tile.workgroup * tile.vectors));
  const sums = tile.pixels * channels;
  const term = sums + WORKGROUP_READ * tile.pixels + CACHE_READ * channels + (COPY * tile.pixels) / tile.loaders;
  return rounds(tiles * tile.workgroup) * (taps * inVectors * 4 * term + RESULT * sums);
}
