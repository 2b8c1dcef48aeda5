/** An allocation to be placed. */
export interface Block {
  readonly bytes: number;
  /** The blocks that it must not overlap in a pool. */
  readonly neighbours: readonly number[];
  /** What sharing a pool with another block costs, in bytes: pairs of that block's index and the cost. */
  readonly tolls: readonly (readonly [block: number, toll: number])[];
}

/** Where blocks lie, all by their indices, and how good that is. */
export interface Arrangement {
  /** The order in which they were placed. */
  readonly order: readonly number[];
  readonly poolOf: Int32Array;
  readonly offsets: Float64Array;
  /** Sizes in bytes. */
  readonly pools: readonly number[];
  /** Of the pools, in bytes. */
  readonly total: number;
  /** All tolls, and what the pools take beyond what is free, in bytes. */
  readonly cost: number;
}

/** In bytes. */
export interface ArrangementLimits {
  /** Pools cost nothing up to this, all together. */
  readonly freeBytes: number;
  /** The largest pool that may be; no block may be larger. */
  readonly maxPoolBytes: number;
}

/**
 * Places blocks one after the other, each where it costs least and then where its pool grows least: in the smallest gap
 * between its neighbours in a pool, behind the last of them, or in a pool of its own.
 */
export function arrange(
  blocks: readonly Block[],
  order: readonly number[],
  { freeBytes, maxPoolBytes }: ArrangementLimits,
): Arrangement {
  const poolOf = new Int32Array(blocks.length).fill(-1);
  const offsets = new Float64Array(blocks.length);
  const pools: number[] = [];
  let total = 0;
  let cost = 0;
  for (const index of order) {
    const { bytes, neighbours, tolls } = blocks[index];
    const placed: number[][] = pools.map(() => []);
    for (const other of neighbours) if (poolOf[other] >= 0) insert(other, placed[poolOf[other]], offsets);
    const tollOf = new Float64Array(pools.length);
    for (const [other, toll] of tolls) if (poolOf[other] >= 0) tollOf[poolOf[other]] += toll;
    const priceOf = (growth: number) => Math.max(0, Math.min(growth, total + growth - freeBytes));
    let best = { pool: pools.length, offset: 0, growth: bytes, cost: priceOf(bytes) };
    for (let pool = 0; pool < pools.length; pool++) {
      if (tollOf[pool] > best.cost) continue;
      const offset = findGap(bytes, placed[pool], blocks, offsets, pools[pool]);
      if (offset + bytes > maxPoolBytes) continue;
      const growth = Math.max(0, offset + bytes - pools[pool]);
      const cost = tollOf[pool] + priceOf(growth);
      if (cost < best.cost || (cost === best.cost && growth < best.growth)) best = { pool, offset, growth, cost };
    }
    total += best.growth;
    cost += best.cost;
    poolOf[index] = best.pool;
    offsets[index] = best.offset;
    pools[best.pool] = (pools[best.pool] ?? 0) + best.growth;
  }
  return { order, poolOf, offsets, pools, total, cost };
}

/** Keeps a pool's blocks in the order of their offsets. */
function insert(index: number, placed: number[], offsets: Float64Array): void {
  let position = placed.length;
  while (position > 0 && offsets[placed[position - 1]] > offsets[index]) position--;
  placed.splice(position, 0, index);
}

/** The offset of the smallest gap between what is placed that holds so many bytes, else the end of the last of it. */
function findGap(
  bytes: number,
  placed: readonly number[],
  blocks: readonly Block[],
  offsets: Float64Array,
  poolBytes: number,
): number {
  let best = -1;
  let smallest = Infinity;
  let end = 0;
  for (const index of placed) {
    const gap = offsets[index] - end;
    if (gap >= bytes && gap < smallest) {
      best = end;
      smallest = gap;
    }
    end = Math.max(end, offsets[index] + blocks[index].bytes);
  }
  const last = poolBytes - end;
  return best < 0 || (last >= bytes && last < smallest) ? end : best;
}
