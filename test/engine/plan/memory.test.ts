import { describe, expect, it } from 'vitest';
import {
  alignBytes,
  type Lifetime,
  lowerBound,
  type MemoryPlan,
  planMemory,
  type StepAccess,
} from '../../../engine/plan/memory.ts';
import { randomInteger, seeded } from '../../support/random.ts';

interface Network {
  readonly lifetimes: readonly Lifetime[];
  readonly steps: readonly StepAccess[];
}

/**
 * Steps that each read what the last one has written and sometimes something older, once or twice; some write into what
 * they read, as parts of a concatenation do, and some write two tensors.
 */
function randomNetwork(seed: number, stepCount = 40): Network {
  const random = seeded(seed);
  const count = 1 + stepCount;
  const steps: StepAccess[] = [];
  const spans = [{ firstStep: 0, lastStep: 0 }];
  let latest = 0;
  for (let step = 0; step < stepCount; step++) {
    const reads = [latest];
    if (random() < 0.4) reads.push(randomInteger(random, 0, spans.length - 1));
    const writes: number[] = [];
    if (random() < 0.2) writes.push(latest);
    else while (writes.length < 1 || random() < 0.1) writes.push(spans.push({ firstStep: step, lastStep: step }) - 1);
    for (const touched of [...reads, ...writes]) spans[touched].lastStep = step;
    steps.push({ reads, writes });
    latest = writes[0];
  }
  // Early tensors are large, as feature maps are.
  const lifetimes = spans.map((span, index) => ({
    ...span,
    bytes: 4 * randomInteger(random, 1, Math.ceil((10_000 * (count - Math.min(index, stepCount))) / count)),
  }));
  return { lifetimes, steps };
}

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

function totalOf({ pools }: MemoryPlan): number {
  return pools.reduce((total, size) => total + size, 0);
}

function samePool({ places }: MemoryPlan, a: number, b: number): boolean {
  return places[a].pool === places[b].pool;
}

describe.each([true, false])('planMemory, steps may share a pool: %s', (sharePools) => {
  it('never overlaps what lives at once', () => {
    for (const seed of seeds) {
      const { lifetimes, steps } = randomNetwork(seed);
      const plan = planMemory(lifetimes, steps, { sharePools });
      const { places, pools } = plan;
      lifetimes.forEach((a, i) => {
        const { pool, offset } = places[i];
        expect(offset % 256).toBe(0);
        expect(offset + a.bytes).toBeLessThanOrEqual(pools[pool as number]);
        lifetimes.slice(0, i).forEach((b, j) => {
          const together = a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
          if (!together || !samePool(plan, i, j)) return;
          const apart = offset + a.bytes <= places[j].offset || places[j].offset + b.bytes <= offset;
          expect(apart, `seed ${seed}: ${i} and ${j}`).toBe(true);
        });
      });
    }
  });

  it('takes no less than the lower bound and no more than everything', () => {
    for (const seed of seeds) {
      const { lifetimes, steps } = randomNetwork(seed);
      const total = totalOf(planMemory(lifetimes, steps, { sharePools }));
      expect(total).toBeGreaterThanOrEqual(lowerBound(lifetimes, steps.length));
      expect(total).toBeLessThan(lifetimes.reduce((sum, { bytes }) => sum + alignBytes(bytes), 0));
    }
  });

  it('finds the same plan every time', () => {
    const { lifetimes, steps } = randomNetwork(3);
    expect(planMemory(lifetimes, steps, { sharePools })).toEqual(planMemory(lifetimes, steps, { sharePools }));
  });

  it('has nothing to place in a network without steps', () => {
    expect(planMemory([], [], { sharePools })).toEqual({ places: [], pools: [], sharingSteps: 0 });
  });
});

describe('planMemory', () => {
  it('reads and writes one pool in a step only where that is allowed', () => {
    let sharing = 0;
    for (const seed of seeds) {
      const { lifetimes, steps } = randomNetwork(seed);
      const apart = planMemory(lifetimes, steps, { sharePools: false });
      const shared = planMemory(lifetimes, steps, { sharePools: true });
      const sharingIn = (plan: MemoryPlan) =>
        steps.filter(({ reads, writes }) =>
          writes.some((written) => reads.some((read) => read !== written && samePool(plan, read, written))),
        ).length;
      expect(sharingIn(apart)).toBe(0);
      expect(apart.sharingSteps).toBe(0);
      expect(shared.sharingSteps).toBe(sharingIn(shared));
      sharing += shared.sharingSteps;
    }
    expect(sharing).toBeGreaterThan(0);
  });

  it('never shares a pool where a step reads one tensor through two bindings', () => {
    for (const seed of seeds) {
      const { lifetimes, steps } = randomNetwork(seed);
      const plan = planMemory(lifetimes, steps, { sharePools: true });
      for (const { reads, writes } of steps) {
        if (reads.length < 2 || reads[0] !== reads[1]) continue;
        for (const written of writes) if (written !== reads[0]) expect(samePool(plan, written, reads[0])).toBe(false);
      }
    }
  });

  it('stays below 1.15 times the lower bound, where steps may share a pool', () => {
    const ratios = seeds.map((seed) => {
      const { lifetimes, steps } = randomNetwork(seed);
      return totalOf(planMemory(lifetimes, steps, { sharePools: true })) / lowerBound(lifetimes, steps.length);
    });
    expect(Math.max(...ratios)).toBeLessThan(1.15);
  });

  it('makes no pool larger than it may be', () => {
    for (const seed of seeds) {
      const { lifetimes, steps } = randomNetwork(seed);
      const maxPoolBytes = Math.max(...lifetimes.map(({ bytes }) => alignBytes(bytes)));
      const { pools } = planMemory(lifetimes, steps, { maxPoolBytes });
      expect(Math.max(...pools)).toBeLessThanOrEqual(maxPoolBytes);
    }
  });

  it('uses two buffers for a plain chain', () => {
    const lifetimes = Array.from({ length: 10 }, (_, i) => ({
      bytes: 1024,
      firstStep: Math.max(0, i - 1),
      lastStep: i,
    }));
    const steps = Array.from({ length: 9 }, (_, i) => ({ reads: [i], writes: [i + 1] }));
    expect(planMemory(lifetimes, steps).pools).toEqual([1024, 1024]);
    expect(lowerBound(lifetimes, steps.length)).toBe(2048);
  });
});
