import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Patience } from '../../../engine/runtime/patience.ts';

describe('Patience', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** How long a wait sleeps before it asks for its result, with the clock moved on meanwhile. */
  async function sleepOf(patience: Patience): Promise<number> {
    const start = performance.now();
    let woke = Number.NaN;
    patience.wait(async () => {
      woke = performance.now() - start;
    });
    await vi.advanceTimersByTimeAsync(1000);
    return woke;
  }

  /** A run of that length. */
  async function run(patience: Patience, milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    const waiting = patience.wait(
      () => new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, end - performance.now()))),
    );
    await vi.advanceTimersByTimeAsync(1000);
    await waiting;
  }

  /** One that has seen its first run. */
  async function patient(pollsWhileWaiting = true): Promise<Patience> {
    const patience = new Patience({ pollsWhileWaiting });
    await run(patience, 500);
    return patience;
  }

  it('does not sleep before it has seen a run after the first, nor where waiting costs nothing', async () => {
    expect(await sleepOf(await patient())).toBe(0);
    const careless = await patient(false);
    await run(careless, 100);
    expect(await sleepOf(careless)).toBe(0);
  });

  it('sleeps for most of the time that the last run took', async () => {
    const patience = await patient();
    for (const milliseconds of [100, 80, ...new Array(10).fill(60)]) await run(patience, milliseconds);
    expect(await sleepOf(patience)).toBeGreaterThan(40);
    expect(await sleepOf(patience)).toBeLessThan(60);
  });

  it('is not misled by one run that was held up', async () => {
    const patience = await patient();
    for (const milliseconds of [100, 100, 900]) await run(patience, milliseconds);
    expect(await sleepOf(patience)).toBeLessThan(100);
  });

  it('learns quickly from runs that are over before it wakes', async () => {
    const patience = await patient();
    for (const milliseconds of [400, ...new Array(16).fill(50)]) await run(patience, milliseconds);
    expect(await sleepOf(patience)).toBeLessThan(50);
  });

  it('does not sleep through runs that are over in a moment', async () => {
    const patience = await patient();
    await run(patience, 3);
    expect(await sleepOf(patience)).toBe(0);
  });

  it('expects a second run on its way after the first', async () => {
    const patience = await patient();
    await run(patience, 100);
    patience.wait(() => new Promise(() => {}));
    // 60 each were expected, as the only run was polled for all the time.
    expect(await sleepOf(patience)).toBe(109);
  });

  it('passes on what goes wrong, and goes on', async () => {
    const patience = await patient();
    await expect(patience.wait(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await run(patience, 100);
  });
});
