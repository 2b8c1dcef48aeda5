/**
 * The convolution kernels that only graphics cards gain from, and the order in which all kernels are worth trying there.
 * This is a module of its own, loaded where there is a graphics card; on a processor all of this is slower than the kernels
 * of the main module.
 */

import { isBlocked } from './conv-2d-direct.ts';
import { gemmCandidate } from './conv-2d-split-k.ts';
import { stemKernel, stemTileName, stemTiles } from './conv-2d-stem.ts';
import { subgroupGemmKernel, subgroupTile, subgroupTileName } from './conv-2d-subgroup-gemm.ts';
import { matrixTileName, matrixTiles, subgroupMatrixKernel } from './conv-2d-subgroup-matrix.ts';
import type { ConvolutionCandidate, ConvolutionSpec } from './conv-candidate.ts';
import { directCost, gemmCost, subgroupCost } from './conv-cost.ts';
import { type GemmConvolution, gemmConvolution, gemmSize } from './conv-gemm.ts';
import { fitsDevice, type GemmTile, gemmTiles } from './conv-gemm-tiles.ts';
import { directTiles, tileName } from './conv-tiles.ts';
import type { ConvolutionRanking, KernelDevice } from './kernel-device.ts';

/** As many as a tuner is given to measure. */
const MOST_CANDIDATES = 12;

/** Split sums are for small maps: more scratch memory than this, in elements, is not worth it (16 MiB). */
const MOST_PARTIAL_SUMS = 2 ** 22;

/** A part of a split sum has at least so many steps, or starting costs more than it wins. */
const FEWEST_STEPS = 4;

/** How many tiles are offered with overlapping steps too: the best ones. */
const OVERLAPPED = 2;

export const rankConvolutions: ConvolutionRanking = (operator, spec, device, candidates) => {
  const dilated = spec.dilations.some((dilation) => dilation !== 1);
  if (!isBlocked(spec) || (operator === 'convTranspose2d' && dilated)) return [...candidates];
  const products = rankProducts(gemmConvolution(operator, spec), device, candidates);
  const first = operator === 'conv2d' ? stemCandidates(spec) : [];
  const known = candidates.filter(({ name }) => !products.some((product) => product.name === name));
  return [...first, ...products].slice(0, MOST_CANDIDATES - known.length).concat(known);
};

function stemCandidates(spec: ConvolutionSpec): ConvolutionCandidate[] {
  return stemTiles(spec).map((tile) => ({
    name: stemTileName(tile),
    weights: 'blocks',
    build: () => [stemKernel(spec, tile)],
  }));
}

/** A candidate and what it may cost, see conv-cost.ts. */
interface Estimate {
  readonly candidate: ConvolutionCandidate;
  readonly cost: number;
}

/** The implicit GEMMs and the direct kernels among the candidates, the cheapest first. */
function rankProducts(
  convolution: GemmConvolution,
  device: KernelDevice,
  candidates: readonly ConvolutionCandidate[],
): ConvolutionCandidate[] {
  const size = gemmSize(convolution);
  const directByName = new Map(directTiles(convolution.output, device).map((tile) => [tileName(tile), tile]));
  const direct = candidates.flatMap((candidate): Estimate[] => {
    const tile = directByName.get(candidate.name);
    return tile ? [{ candidate, cost: directCost(tile, size) }] : [];
  });
  const tiles = gemmTiles(size.inVectors * 4)
    .filter((tile) => fitsDevice(tile, convolution, device))
    .flatMap((tile) => [tile, ...splitTiles(tile, convolution)]);
  const best = [...tiles].sort((a, b) => gemmCost(a, size) - gemmCost(b, size));
  const variants = best.slice(0, OVERLAPPED).flatMap((tile) => variantsOf(tile, convolution, device));
  const products = [...tiles, ...variants].map(
    (tile): Estimate => ({ candidate: gemmCandidate(convolution, tile), cost: gemmCost(tile, size) }),
  );
  const ranked = [...direct, ...products, ...subgroupEstimates(convolution, device)]
    .sort((a, b) => a.cost - b.cost)
    .map(({ candidate }) => candidate);
  // Nobody has run these yet: they must win a measurement before they run anywhere.
  return [...ranked.slice(0, 1), ...matrixCandidates(convolution, device), ...ranked.slice(1)];
}

function splitTiles(tile: GemmTile, convolution: GemmConvolution): GemmTile[] {
  const { pixels, phases, groups, outVectors, inVectors, taps } = gemmSize(convolution);
  const sums = pixels * phases * groups * outVectors * 4;
  const steps = taps * Math.ceil((inVectors * 4) / tile.depth);
  return [2, 4, 8]
    .filter((splits) => steps >= FEWEST_STEPS * splits && sums * splits <= MOST_PARTIAL_SUMS)
    .map((splits) => ({ ...tile, splits }));
}

/** The same tile with steps that overlap, and with operands that lie in workgroup memory as they are stored. */
function variantsOf(tile: GemmTile, convolution: GemmConvolution, device: KernelDevice): GemmTile[] {
  const variants: GemmTile[] = [
    { ...tile, buffers: 2 },
    { ...tile, precision: 'f16 staged' },
  ];
  return variants.filter((variant) => fitsDevice(variant, convolution, device));
}

function subgroupEstimates(convolution: GemmConvolution, device: KernelDevice): Estimate[] {
  const size = gemmSize(convolution);
  const tile = subgroupTile(size.outVectors, size.inVectors, device);
  if (!tile) return [];
  const candidate: ConvolutionCandidate = {
    name: subgroupTileName(tile),
    weights: 'blocks',
    build: () => [subgroupGemmKernel(convolution, tile)],
  };
  return [{ candidate, cost: subgroupCost(tile, size) }];
}

function matrixCandidates(convolution: GemmConvolution, device: KernelDevice): ConvolutionCandidate[] {
  return matrixTiles(convolution, device).map((tile) => ({
    name: matrixTileName(tile),
    weights: 'blocks',
    build: () => [subgroupMatrixKernel(convolution, tile)],
  }));
}
