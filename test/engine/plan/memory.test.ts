import { describe, expect, it } from 'vitest';
import { alignBytes, type Lifetime, lowerBound, planMemory, type StepAccess } from '../../../engine/plan/memory.ts';
import { seeded } from '../../support/random.ts';

/** A chain with skip connections: step i reads tensor i and sometimes an older one, and writes tensor i + 1. */
function randomNetwork(seed: number): { lifetimes: Lifetime[]; steps: StepAccess[] } {
  const random = seeded(seed);
  const count = 40;
  const steps: StepAccess[] = [];
  const last = Array.from({ length: count + 1 }, (_, index) => index);
  for (let step = 0; step < count; step++) {
    const reads = [step];
    if (random() < 0.4) reads.push(Math.floor(random() * step));
    for (const read of reads) last[read] = Math.max(last[read], step);
    steps.push({ reads, writes: [step + 1] });
  }
  const lifetimes = last.map((lastStep, index) => ({
    bytes: 4 * (1 + Math.floor(random() * 5000)),
    firstStep: Math.max(0, index - 1),
    lastStep: Math.max(lastStep, index - 1),
  }));
  return { lifetimes, steps };
}

describe('planMemory', () => {
  it('never overlaps what lives at once, and never reads and writes one pool in a step', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { lifetimes, steps } = randomNetwork(seed);
      const { places, pools } = planMemory(lifetimes, steps);
      lifetimes.forEach((a, i) => {
        const place = places[i];
        expect(place.offset % 256).toBe(0);
        expect(place.offset + a.bytes).toBeLessThanOrEqual(pools[place.pool as number]);
        lifetimes.slice(0, i).forEach((b, j) => {
          const together = a.firstStep <= b.lastStep && b.firstStep <= a.lastStep;
          if (!together || places[j].pool !== place.pool) return;
          const apart = place.offset + a.bytes <= places[j].offset || places[j].offset + b.bytes <= place.offset;
          expect(apart).toBe(true);
        });
      });
      for (const { reads, writes } of steps) {
        for (const written of writes) {
          for (const read of reads) if (read !== written) expect(places[read].pool).not.toBe(places[written].pool);
        }
      }
      const total = pools.reduce((sum, size) => sum + size, 0);
      expect(total).toBeGreaterThanOrEqual(lowerBound(lifetimes, steps.length));
      expect(total).toBeLessThan(lifetimes.reduce((sum, { bytes }) => sum + alignBytes(bytes), 0));
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
