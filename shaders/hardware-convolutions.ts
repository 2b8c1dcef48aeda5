/**
 * The convolution kernels that only graphics cards gain from, and the order in which all kernels are worth trying there.
 * This is a module of its own, loaded where there is a graphics card; on a processor all of this is slower than the kernels
 * of the main module.
 */

import { isBlocked } from './conv-2d-direct.ts';
import { implicitGemmKernel } from './conv-2d-implicit-gemm.ts';
import type { ConvolutionCandidate } from './conv-candidate.ts';
import { directCost, gemmCost } from './conv-cost.ts';
import { type GemmConvolution, gemmConvolution, gemmSize } from './conv-gemm.ts';
import { fitsDevice, type GemmTile, gemmTileName, gemmTiles } from './conv-gemm-tiles.ts';
import { directTiles, tileName } from './conv-tiles.ts';
import type { ConvolutionRanking, KernelDevice } from './kernel-device.ts';

/** As many as a tuner is given to measure. */
const MOST_CANDIDATES = 12;

export const rankConvolutions: ConvolutionRanking = (operator, spec, device, candidates) => {
  const multiplied = isBlocked(spec) && !(operator === 'convTranspose2d' && spec.dilations.some((by) => by !== 1));
  if (!multiplied) return [...candidates];
  return rankProducts(gemmConvolution(operator, spec), device, candidates);
};

/** A candidate and what it may cost, see conv-cost.ts. */
export interface Estimate {
  readonly candidate: ConvolutionCandidate;
  readonly cost: number;
}

function rankProducts(
  convolution: GemmConvolution,
  device: KernelDevice,
  candidates: readonly ConvolutionCandidate[],
): ConvolutionCandidate[] {
  const size = gemmSize(convolution);
  const direct = new Map(directTiles(convolution.output, device).map((tile) => [tileName(tile), tile]));
  const estimates = candidates.flatMap((candidate): Estimate[] => {
    const tile = direct.get(candidate.name);
    return tile ? [{ candidate, cost: directCost(tile, size) }] : [];
  });
  const products = gemmTiles(size.inVectors * 4)
    .filter((tile) => fitsDevice(tile, convolution, device))
    .map((tile) => ({ candidate: gemmCandidate(convolution, tile), cost: gemmCost(tile, size) }));
  const ranked = [...estimates, ...products].sort((a, b) => a.cost - b.cost).map(({ candidate }) => candidate);
  const others = candidates.filter((candidate) => !ranked.includes(candidate));
  return [...ranked.slice(0, MOST_CANDIDATES - others.length), ...others];
}

function gemmCandidate(convolution: GemmConvolution, tile: GemmTile): ConvolutionCandidate {
  return { name: gemmTileName(tile), weights: 'blocks', build: () => [implicitGemmKernel(convolution, tile)] };
}
