import { type Arrangement, type ArrangementLimits, arrange, type Block } from './arrangement.ts';
import type { MemoryReport, Place } from './plan.ts';

/** Every allocation begins where a storage binding may: 256 bytes suits every device. */
export const BINDING_ALIGNMENT = 256;

/** An allocation's size and the steps between which its contents matter, both ends included. */
export interface Lifetime {
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** The allocations that one step reads and writes, as indices, one for each binding. */
export interface StepAccess {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export interface MemoryPlan {
  readonly places: readonly Place[];
  readonly pools: readonly number[];
  /** Steps that read one allocation and write another of the same pool. */
  readonly sharingSteps: number;
}

export interface MemoryOptions {
  /**
   * Whether a step may read and write one pool. WebGPU refuses a buffer that one dispatch binds for reading and for
   * writing, but takes one that is bound for writing several times, at stretches that are apart.
   */
  readonly sharePools: boolean;
  /** The largest buffer that a pool may be. No allocation may be larger. */
  readonly maxPoolBytes: number;
}

/** Pools may exceed the lower bound by this share of it: less isn't worth the search, nor steps that share a pool. */
const FREE_EXCESS = 0.08;

/** Beyond that, a step that shares a pool has to save this share of the bound: it costs a pipeline of its own. */
const SHARING_TOLL = 0.005;

/** Arrangements that are tried, some 20 microseconds each. A number, not a time: the same network gets the same plan. */
const TRIALS = 32;

/**
 * Places allocations in a few pool buffers, so that allocations alive at the same time don't overlap. What order they are
 * placed in decides how well they fit; a search, which finds the same every time, looks for a good one.
 */
export function planMemory(
  lifetimes: readonly Lifetime[],
  steps: readonly StepAccess[],
  { sharePools = true, maxPoolBytes = Infinity }: Partial<MemoryOptions> = {},
): MemoryPlan {
  const bound = lowerBound(lifetimes, steps.length);
  const limits = { freeBytes: bound * (1 + FREE_EXCESS), maxPoolBytes };
  let best = searchArrangement(describeBlocks(lifetimes, steps, Infinity), limits);
  if (sharePools && best.cost > 0) {
    best = searchArrangement(describeBlocks(lifetimes, steps, bound * SHARING_TOLL), limits, best.order);
  }
  const { poolOf, offsets, pools } = best;
  const sharingSteps = steps.filter(({ reads, writes }) =>
    writes.some((written) => reads.some((read) => read !== written && poolOf[read] === poolOf[written])),
  );
  return {
    places: lifetimes.map((_, index) => ({ pool: poolOf[index], offset: offsets[index] })),
    pools,
    sharingSteps: sharingSteps.length,
  };
}

/** Allocations as the search sees them, with what it costs each pair of them to share a pool. */
function describeBlocks(lifetimes: readonly Lifetime[], steps: readonly StepAccess[], toll: number): Block[] {
  const tolls = lifetimes.map(() => new Map<number, number>());
  for (const { reads, writes } of steps) {
    for (const read of new Set(reads)) {
      // Two bindings of one stretch can't both be for writing.
      const cost = reads.indexOf(read) === reads.lastIndexOf(read) ? toll : Infinity;
      for (const written of writes) {
        if (read === written) continue;
        tolls[written].set(read, (tolls[written].get(read) ?? 0) + cost);
        tolls[read].set(written, (tolls[read].get(written) ?? 0) + cost);
      }
    }
  }
  return lifetimes.map(({ bytes, firstStep, lastStep }, index) => ({
    bytes: alignBytes(bytes),
    firstStep,
    lastStep,
    tolls: [...tolls[index]],
  }));
}

/** Starts from the best of a few plain orders, or of these and `known`, and keeps every change of it that isn't worse. */
function searchArrangement(
  blocks: readonly Block[],
  limits: ArrangementLimits,
  known?: readonly number[],
): Arrangement {
  const duration = ({ firstStep, lastStep }: Block) => lastStep - firstStep + 1;
  const indices = blocks.map((_, index) => index);
  const orderBy = (weight: (block: Block) => number) =>
    [...indices].sort((a, b) => weight(blocks[b]) - weight(blocks[a]) || a - b);
  const orders = [
    ...(known ? [known] : []),
    orderBy(({ bytes }) => bytes),
    orderBy((block) => block.bytes * duration(block)),
    orderBy((block) => block.bytes * Math.sqrt(duration(block))),
    orderBy(({ firstStep }) => -firstStep),
  ];
  let best = orders
    .map((order) => arrange(blocks, order, limits))
    .reduce((better, other) => (other.cost < better.cost ? other : better));
  const random = numbers();
  for (let trial = 0; trial < TRIALS && best.cost > 0; trial++) {
    const changed = arrange(blocks, changeOrder(best, random), limits, best.cost);
    if (changed.cost <= best.cost) best = changed;
  }
  return best;
}

/** Moves up to three allocations elsewhere in the order; every second one that moves is one that has cost something. */
function changeOrder({ order, costly }: Arrangement, random: (below: number) => number): number[] {
  const changed = [...order];
  for (let moves = 1 + random(3); moves > 0; moves--) {
    const candidates = random(2) === 0 ? costly : order;
    const [moved] = changed.splice(changed.indexOf(candidates[random(candidates.length)]), 1);
    changed.splice(random(changed.length + 1), 0, moved);
  }
  return changed;
}

/** Integers from 0 to `below`, exclusive: always the same ones (a linear congruential generator, Numerical Recipes). */
function numbers(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export function alignBytes(bytes: number): number {
  return Math.ceil(Math.max(bytes, 4) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/** The largest sum of allocations alive at one step. */
export function lowerBound(lifetimes: readonly Lifetime[], stepCount: number): number {
  const change = new Float64Array(stepCount + 2);
  for (const { bytes, firstStep, lastStep } of lifetimes) {
    change[Math.max(0, firstStep)] += bytes;
    change[Math.min(stepCount, lastStep) + 1] -= bytes;
  }
  let alive = 0;
  let most = 0;
  for (const delta of change) {
    alive += delta;
    most = Math.max(most, alive);
  }
  return most;
}

export function reportMemory(
  weights: number,
  lifetimes: readonly Lifetime[],
  pools: readonly number[],
  stepCount: number,
): MemoryReport {
  return {
    weights,
    activations: pools.reduce((total, size) => total + size, 0),
    lowerBound: lowerBound(lifetimes, stepCount),
    unshared: lifetimes.reduce((total, { bytes }) => total + bytes, 0),
  };
}
