import type { MemoryReport, Place } from './plan.ts';

/** Every allocation begins where a storage binding may: 256 bytes suits every device. */
export const BINDING_ALIGNMENT = 256;

/** An allocation's size and the steps between which its contents matter, both ends included. */
export interface Lifetime {
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** The allocations that one step reads and writes, as indices. */
export interface StepAccess {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export interface MemoryPlan {
  readonly places: readonly Place[];
  readonly pools: readonly number[];
}

export function alignBytes(bytes: number): number {
  return Math.ceil(Math.max(bytes, 4) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/**
 * Places allocations in a few pool buffers. Two rules: allocations alive at the same time don't overlap; and because a
 * dispatch may not bind one buffer for reading and for writing, what a step writes never shares a pool with what that step
 * reads. Greedy: the largest first, each where its pool grows least.
 */
export function planMemory(lifetimes: readonly Lifetime[], steps: readonly StepAccess[]): MemoryPlan {
  const conflicts = lifetimes.map(() => new Set<number>());
  for (const { reads, writes } of steps) {
    for (const written of writes) {
      for (const read of reads) {
        if (read === written) continue;
        conflicts[written].add(read);
        conflicts[read].add(written);
      }
    }
  }
  const order = lifetimes.map((_, index) => index);
  order.sort(
    (a, b) => lifetimes[b].bytes - lifetimes[a].bytes || lifetimes[a].firstStep - lifetimes[b].firstStep || a - b,
  );
  const pools: { size: number; members: number[] }[] = [];
  const places = new Array<Place>(lifetimes.length);
  for (const index of order) {
    const bytes = alignBytes(lifetimes[index].bytes);
    let best = { pool: pools.length, offset: 0, growth: bytes };
    pools.forEach(({ size, members }, pool) => {
      if (members.some((member) => conflicts[index].has(member))) return;
      const alive = members.filter((member) => overlaps(lifetimes[member], lifetimes[index]));
      const taken = alive.map((member) => ({
        start: places[member].offset,
        end: places[member].offset + alignBytes(lifetimes[member].bytes),
      }));
      const offset = firstGap(taken, bytes, size);
      const growth = Math.max(0, offset + bytes - size);
      if (growth < best.growth || (growth === best.growth && best.pool === pools.length))
        best = { pool, offset, growth };
    });
    if (best.pool === pools.length) pools.push({ size: 0, members: [] });
    const pool = pools[best.pool];
    pool.members.push(index);
    pool.size = Math.max(pool.size, best.offset + bytes);
    places[index] = { pool: best.pool, offset: best.offset };
  }
  return { places, pools: pools.map((pool) => pool.size) };
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

function overlaps(a: Lifetime, b: Lifetime): boolean {
  return a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
}

/** The smallest gap that fits, else the end of what is taken. */
function firstGap(taken: { start: number; end: number }[], bytes: number, poolSize: number): number {
  taken.sort((a, b) => a.start - b.start);
  let best = -1;
  let bestSize = Number.POSITIVE_INFINITY;
  let cursor = 0;
  for (const { start, end } of taken) {
    const gap = start - cursor;
    if (gap >= bytes && gap < bestSize) {
      best = cursor;
      bestSize = gap;
    }
    cursor = Math.max(cursor, end);
  }
  if (best < 0 || (poolSize - cursor >= bytes && poolSize - cursor < bestSize)) best = cursor;
  return best;
}
