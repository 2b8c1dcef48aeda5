import type { Allocation, Plan } from '../plan/plan.ts';

/**
 * For each allocation of weights that another plan for the same network has too, the number of that one in `other`. Plans
 * for other sizes of batch or input may choose other kernels, which want weights in another order: so bytes are compared,
 * not names.
 */
export function findSharedWeights(plan: Plan, other: Plan): ReadonlyMap<number, number> {
  const keyOf = ({ label, bytes }: Allocation) => `${bytes} ${label}`;
  const known = new Map<string, number>();
  other.allocations.forEach((allocation, index) => {
    if (allocation.contents) known.set(keyOf(allocation), index);
  });
  const shared = new Map<number, number>();
  plan.allocations.forEach((allocation, index) => {
    const twin = allocation.contents && known.get(keyOf(allocation));
    if (twin !== undefined && sameContents(allocation, other.allocations[twin])) shared.set(index, twin);
  });
  return shared;
}

function sameContents(a: Allocation, b: Allocation): boolean {
  const [left, right] = [wordsOf(a), wordsOf(b)];
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Contents are whole words, since they are uploaded in such. */
function wordsOf({ contents, label }: Allocation): Int32Array {
  if (!contents) throw new Error(`${label} has no contents`);
  const { buffer, byteOffset, byteLength } = contents();
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}
