import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Patience } from '../../../engine/runtime/patience.ts';

describe('Patience', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** How long `nearlyDue` of the next submission waits, with the clock moved on meanwhile. */
  async function sleepOf(waiting: { readonly nearlyDue: Promise<void> }): Promise<number> {
    const start = performance.now();
    let woke = Number.NaN;
    waiting.nearlyDue.then(() => {
      woke = performance.now() - start;
    });
    await vi.advanceTimersByTimeAsync(1000);
    return woke;
  }

  async function run(patience: Patience, milliseconds: number): Promise<void> {
    const { finished } = patience.submitted();
    await vi.advanceTimersByTimeAsync(milliseconds);
    finished();
  }

  it('does not sleep before it has seen a run, nor where waiting costs nothing', async () => {
    expect(await sleepOf(new Patience({ pollsWhileWaiting: true }).submitted())).toBe(0);
    const careless = new Patience({ pollsWhileWaiting: false });
    await run(careless, 100);
    expect(await sleepOf(careless.submitted())).toBe(0);
  });

  it('sleeps for most of the shortest recent run', async () => {
    const patience = new Patience({ pollsWhileWaiting: true });
    for (const milliseconds of [60, 100, 80]) await run(patience, milliseconds);
    expect(await sleepOf(patience.submitted())).toBe(53);
  });

  it('forgets runs of long ago', async () => {
    const patience = new Patience({ pollsWhileWaiting: true });
    for (const milliseconds of [10, 100, 100, 100, 100]) await run(patience, milliseconds);
    expect(await sleepOf(patience.submitted())).toBe(89);
  });

  it('does not sleep through runs that are over in a moment', async () => {
    const patience = new Patience({ pollsWhileWaiting: true });
    await run(patience, 3);
    expect(await sleepOf(patience.submitted())).toBe(0);
  });

  it('expects a second run on its way after the first', async () => {
    const patience = new Patience({ pollsWhileWaiting: true });
    await run(patience, 100);
    patience.submitted();
    expect(await sleepOf(patience.submitted())).toBe(179);
  });
});
