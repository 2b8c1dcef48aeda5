import type { Allocation, Plan } from '../plan/plan.ts';
import type { BufferSlice } from './dispatch.ts';
import type { NetworkSession } from './session.ts';

/**
 * Where a session has weights that a plan for the same network wants too, by the number of the plan's allocation. Plans for
 * other sizes of batch or input may choose other kernels, which want weights in another order: so bytes are compared, not
 * names. The session has to outlive what reads its weights.
 */
export function weightsOf(session: NetworkSession, plan: Plan): ReadonlyMap<number, BufferSlice> {
  const keyOf = ({ label, bytes }: Allocation) => `${bytes} ${label}`;
  const known = new Map<string, number>();
  session.plan.allocations.forEach((allocation, index) => {
    if (allocation.contents) known.set(keyOf(allocation), index);
  });
  const shared = new Map<number, BufferSlice>();
  plan.allocations.forEach((allocation, index) => {
    const twin = allocation.contents && known.get(keyOf(allocation));
    if (twin === undefined || !sameContents(allocation, session.plan.allocations[twin])) return;
    shared.set(index, session.slices[twin]);
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
