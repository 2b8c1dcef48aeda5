import { arrange, type Block } from './arrangement.ts';
import { improve } from './arrangement-search.ts';
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

/** Pools may exceed the lower bound by this share of it before a step is made to share a pool. */
const FREE_EXCESS = 0.1;

/** Beyond that, a step that shares a pool has to save this share of the bound: it costs a pipeline of its own. */
const SHARING_TOLL = 0.001;

/** What plain orders can't keep within this many times the lower bound is searched for. */
const ACCEPTABLE = 1.15;

/**
 * Places allocations in a few pool buffers, so that allocations alive at the same time don't overlap, and no step reads and
 * writes one pool if it can be avoided. Pure: the same network gets the same plan.
 */
export function planMemory(
  lifetimes: readonly Lifetime[],
  steps: readonly StepAccess[],
  { sharePools = true, maxPoolBytes = Infinity }: Partial<MemoryOptions> = {},
): MemoryPlan {
  const bound = lowerBound(lifetimes, steps.length);
  const limits = { freeBytes: bound * (1 + FREE_EXCESS), maxPoolBytes };
  const blocks = describeBlocks(lifetimes, steps, sharePools ? bound * SHARING_TOLL : Infinity);
  const plain = ordersToTry(lifetimes, blocks)
    .map((order) => arrange(blocks, order, limits))
    .sort((a, b) => a.cost - b.cost);
  const { poolOf, offsets, pools } = improve(plain, blocks, limits, bound * ACCEPTABLE);
  const sharingSteps = steps.filter(({ reads, writes }) =>
    writes.some((written) => reads.some((read) => read !== written && poolOf[read] === poolOf[written])),
  );
  return {
    places: lifetimes.map((_, index) => ({ pool: poolOf[index], offset: offsets[index] })),
    pools,
    sharingSteps: sharingSteps.length,
  };
}

/** @param toll what it costs if a step shares a pool */
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
  const indices = lifetimes.map((_, index) => index);
  return lifetimes.map(({ bytes, firstStep, lastStep }, index) => ({
    bytes: alignBytes(bytes),
    neighbours: indices.filter(
      (other) => other !== index && firstStep <= lifetimes[other].lastStep && lifetimes[other].firstStep <= lastStep,
    ),
    tolls: [...tolls[index]],
  }));
}

/**
 * Orders in which to place blocks. How well blocks fit depends much on the order, and no order is best for every network:
 * what is large, long-lived or in the way of many others goes first, or what comes first.
 */
function ordersToTry(lifetimes: readonly Lifetime[], blocks: readonly Block[]): number[][] {
  const duration = (index: number) => lifetimes[index].lastStep - lifetimes[index].firstStep + 1;
  const weights: ((index: number) => number)[] = [
    (index) => blocks[index].bytes,
    (index) => blocks[index].bytes * duration(index),
    (index) => blocks[index].bytes * Math.log2(1 + duration(index)),
    (index) => blocks[index].bytes * (1 + blocks[index].tolls.length),
    (index) => -lifetimes[index].firstStep,
  ];
  return weights.map((weight) => lifetimes.map((_, index) => index).sort((a, b) => weight(b) - weight(a) || a - b));
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
