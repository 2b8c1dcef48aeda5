/**
 * The convolution kernels that only graphics cards gain from, and the order in which all kernels are worth trying there.
 * This is a module of its own, loaded where there is a graphics card; on a processor all of this is slower than the kernels
 * of the main module.
 */

import { canStageDepthwise, STAGED_DEPTHWISE, stagedDepthwiseKernel } from './conv-2d-depthwise-staged.ts';
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

/** How many tiles are offered in all their variants: the best ones. */
const VARIED = 2;

export const rankConvolutions: ConvolutionRanking = (operator, spec, device, candidates) => {
  const staged = stagedDepthwise(spec, device, candidates);
  if (staged) return staged;
  const dilated = spec.dilations.some((dilation) => dilation !== 1);
  if (!isBlocked(spec) || (operator === 'convTranspose2d' && dilated)) return [...candidates];
  const [best, ...products] = rankProducts(gemmConvolution(operator, spec), device, candidates);
  const stems = operator === 'conv2d' ? stemCandidates(spec) : [];
  // Winograd's way comes first where the main module prefers it to the direct one, else it is worth a measurement.
  const winograd = candidates.filter(({ name }) => name.startsWith('winograd'));
  const preferred = winograd.includes(candidates[0]) ? winograd.slice(0, 1) : [];
  const general = candidates.filter(({ weights }) => weights === 'plain');
  const others = winograd.filter((candidate) => !preferred.includes(candidate));
  const ranked = [...stems, ...preferred, best, ...others, ...products];
  return [...ranked.slice(0, MOST_CANDIDATES - general.length), ...general];
};

function stemCandidates(spec: ConvolutionSpec): ConvolutionCandidate[] {
  return stemTiles(spec).map((tile) => ({
    name: stemTileName(tile),
    weights: 'blocks',
    build: () => [stemKernel(spec, tile)],
  }));
}

/**
 * Tract measured on Apple's GPUs that staging wins from 7 x 7 on, and loses by a fifth for 3 x 3.
 * https://github.com/sonos/tract/pull/2858
 */
const FEWEST_STAGED_TAPS = 49;

/** The candidates for a depthwise layer with the staged one among them; undefined for other layers. */
function stagedDepthwise(
  spec: ConvolutionSpec,
  device: KernelDevice,
  candidates: readonly ConvolutionCandidate[],
): ConvolutionCandidate[] | undefined {
  if (!candidates.some(({ weights }) => weights === 'depthwise') || !canStageDepthwise(spec, device)) return undefined;
  const staged: ConvolutionCandidate = {
    name: STAGED_DEPTHWISE,
    weights: 'depthwise',
    build: () => [stagedDepthwiseKernel(spec)],
  };
  const place = spec.kernel[0] * spec.kernel[1] >= FEWEST_STAGED_TAPS ? 0 : 1;
  return [...candidates.slice(0, place), staged, ...candidates.slice(place)];
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
  const tileByName = new Map(directTiles(convolution.output, device).map((tile) => [tileName(tile), tile]));
  const direct = candidates.flatMap((candidate): Estimate[] => {
    const tile = tileByName.get(candidate.name.replace(/^(direct|pointwise) /, ''));
    return tile ? [{ candidate, cost: directCost(tile, size) }] : [];
  });
  const cost = (tile: GemmTile) => gemmCost(tile, size);
  const whole = gemmTiles(size.inVectors * 4).filter((tile) => fitsDevice(tile, convolution, device));
  const tiles = whole
    .map((tile) => [tile, ...splitTiles(tile, convolution)].sort((a, b) => cost(a) - cost(b))[0])
    .sort((a, b) => cost(a) - cost(b));
  const variants = tiles.slice(0, VARIED).flatMap((tile) => variantsOf(tile, convolution, device));
  const products = [...tiles, ...variants].map(
    (tile): Estimate => ({ candidate: gemmCandidate(convolution, tile), cost: cost(tile) }),
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

/** The same tile with steps that overlap, with operands that are staged as they are stored, and with sums in one piece. */
function variantsOf(tile: GemmTile, convolution: GemmConvolution, device: KernelDevice): GemmTile[] {
  const variants: GemmTile[] = [
    { ...tile, buffers: 2 },
    { ...tile, precision: 'f16 staged' },
    ...(tile.splits > 1 ? [{ ...tile, splits: 1 }] : []),
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
