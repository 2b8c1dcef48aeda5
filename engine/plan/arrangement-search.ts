import { type Arrangement, type ArrangementLimits, arrange, type Block } from './arrangement.ts';

/** Changes of each start that are tried, some 50 microseconds each. A number, not a time: every search ends the same. */
const TRIALS = 32;

/** Blocks of at least this share of the pools are moved: where the others go matters little. */
const LARGE_SHARE = 0.03;

/**
 * Looks for a better order of placing blocks until the pools take at most `enough` bytes: changes the order of each start
 * here and there, and keeps every change that isn't for the worse.
 */
export function improve(
  starts: readonly Arrangement[],
  blocks: readonly Block[],
  limits: ArrangementLimits,
  enough: number,
): Arrangement {
  const random = numbers();
  let [best] = starts;
  for (const start of starts) {
    const large = start.order.filter((index) => blocks[index].bytes >= start.total * LARGE_SHARE);
    let current = start;
    for (let trial = 0; trial < TRIALS && best.total > enough; trial++) {
      const changed = arrange(blocks, moveSome(current.order, large, random), limits);
      if (changed.cost <= current.cost) current = changed;
      if (changed.cost < best.cost) best = changed;
    }
  }
  return best;
}

/** Moves up to three blocks elsewhere in the order; every second one that moves goes near the front. */
function moveSome(order: readonly number[], large: readonly number[], random: (below: number) => number): number[] {
  const changed = [...order];
  for (let moves = 1 + random(3); moves > 0; moves--) {
    const [moved] = changed.splice(changed.indexOf(large[random(large.length)]), 1);
    const places = random(2) === 0 ? Math.ceil(order.length / 4) : order.length;
    changed.splice(random(places), 0, moved);
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
