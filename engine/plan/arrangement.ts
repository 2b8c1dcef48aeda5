/** An allocation to be placed. */
export interface Block {
  readonly bytes: number;
  /** The steps between which its contents matter, both ends included. */
  readonly firstStep: number;
  readonly lastStep: number;
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
  /** All tolls, and what the pools take beyond what is free, in bytes; Infinity where placing was given up. */
  readonly cost: number;
  /** The blocks whose placing cost something. */
  readonly costly: readonly number[];
}

/** In bytes. */
export interface ArrangementLimits {
  /** Pools cost nothing up to this, all together. */
  readonly freeBytes: number;
  /** The largest pool that may be; no block may be larger. */
  readonly maxPoolBytes: number;
}

interface Pool {
  bytes: number;
  /** By offset. */
  readonly members: number[];
}

/**
 * Places blocks one after the other, each where it costs least and then where its pool grows least: in the smallest gap
 * that the blocks alive with it leave in a pool, at its end, or in a pool of its own.
 * @param mostCost gives up when more than this is spent
 */
export function arrange(
  blocks: readonly Block[],
  order: readonly number[],
  { freeBytes, maxPoolBytes }: ArrangementLimits,
  mostCost = Infinity,
): Arrangement {
  const poolOf = new Int32Array(blocks.length).fill(-1);
  const offsets = new Float64Array(blocks.length);
  const pools: Pool[] = [];
  const costly: number[] = [];
  let total = 0;
  let cost = 0;
  for (const index of order) {
    const { bytes } = blocks[index];
    const tolls = new Float64Array(pools.length);
    for (const [other, toll] of blocks[index].tolls) if (poolOf[other] >= 0) tolls[poolOf[other]] += toll;
    const priceOf = (growth: number) => Math.max(0, Math.min(growth, total + growth - freeBytes));
    let best = { pool: pools.length, offset: 0, growth: bytes, cost: priceOf(bytes) };
    for (let pool = 0; pool < pools.length; pool++) {
      if (tolls[pool] > best.cost) continue;
      const offset = findGap(blocks, offsets, pools[pool], index);
      if (offset + bytes > maxPoolBytes) continue;
      const growth = Math.max(0, offset + bytes - pools[pool].bytes);
      const cost = tolls[pool] + priceOf(growth);
      if (cost < best.cost || (cost === best.cost && growth < best.growth)) best = { pool, offset, growth, cost };
    }
    total += best.growth;
    cost += best.cost;
    if (cost > mostCost) return { order, poolOf, offsets, pools: [], cost: Infinity, costly };
    if (best.growth > 0 || best.cost > 0) costly.push(index);
    if (best.pool === pools.length) pools.push({ bytes: 0, members: [] });
    poolOf[index] = best.pool;
    offsets[index] = best.offset;
    insert(pools[best.pool], index, offsets, best.offset + bytes);
  }
  return { order, poolOf, offsets, pools: pools.map(({ bytes }) => bytes), cost, costly };
}

/** The offset of the smallest gap between blocks alive with this one that holds it, else of the end of the last of them. */
function findGap(blocks: readonly Block[], offsets: Float64Array, pool: Pool, index: number): number {
  const { bytes, firstStep, lastStep } = blocks[index];
  let best = -1;
  let smallest = Infinity;
  let end = 0;
  for (const member of pool.members) {
    const other = blocks[member];
    if (other.firstStep > lastStep || firstStep > other.lastStep) continue;
    const gap = offsets[member] - end;
    if (gap >= bytes && gap < smallest) {
      best = end;
      smallest = gap;
    }
    end = Math.max(end, offsets[member] + other.bytes);
  }
  const last = pool.bytes - end;
  return best < 0 || (last >= bytes && last < smallest) ? end : best;
}

function insert(pool: Pool, index: number, offsets: Float64Array, end: number): void {
  const { members } = pool;
  let position = members.length;
  while (position > 0 && offsets[members[position - 1]] > offsets[index]) position--;
  members.splice(position, 0, index);
  pool.bytes = Math.max(pool.bytes, end);
}
