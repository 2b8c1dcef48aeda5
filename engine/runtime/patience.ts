import type { EngineDevice } from './device.ts';

/** How many past runs an expectation rests on: their shortest, as anything else on the machine only makes runs longer. */
const REMEMBERED_RUNS = 4;

/** The part of the expected time that is slept. What a sleep overshoots shortens the next one. */
const SLEPT_SHARE = 0.9;

/** Timers count whole milliseconds and wake late: the last one is not worth a sleep. */
const SHORTEST_SLEEP_MS = 2;

/** A result that is there this soon after a sleep was there before: how long the run took is unknown then. */
const AT_ONCE_MS = 3;

/** What a run is taken to have lasted that was over before the sleep was, as a share of the sleep. */
const OVERSLEPT_SHARE = 0.7;

/**
 * Sleeps while the GPU works, for event loops in which waiting costs. Dawn's binding for Node polls the device from the
 * event loop as long as a promise of WebGPU is pending: a core is busy doing nothing, and where the processor does the
 * GPU's work, it is one core less for that. So the promise is only asked for when the result is nearly due. Runs finish in
 * the order in which they were submitted. The first one teaches nothing: it compiles.
 */
export class Patience {
  readonly #enabled: boolean;
  readonly #durations: number[] = [];
  #runs = 0;
  #lastFinished = 0;
  #lastDue = 0;

  constructor({ pollsWhileWaiting }: Pick<EngineDevice, 'pollsWhileWaiting'>) {
    this.#enabled = pollsWhileWaiting;
  }

  /** Call right after a submission. `arrival` asks for the promise of its result, which is passed on. */
  async wait<T>(arrival: () => Promise<T>): Promise<T> {
    if (!this.#enabled) return arrival();
    const start = performance.now();
    const due = Math.max(start, this.#lastDue) + this.#expectedMs();
    this.#lastDue = due;
    await sleepMost(due - start);
    const woke = performance.now();
    try {
      return await arrival();
    } finally {
      this.#learn(Math.max(start, this.#lastFinished), woke, performance.now());
    }
  }

  #learn(start: number, woke: number, now: number): void {
    const overslept = woke - start >= SHORTEST_SLEEP_MS && now - woke < AT_ONCE_MS;
    if (this.#runs++ > 0) this.#durations.push((now - start) * (overslept ? OVERSLEPT_SHARE : 1));
    if (this.#durations.length > REMEMBERED_RUNS) this.#durations.shift();
    this.#lastFinished = now;
    // Those still on their way can't be due later than one after the other from now on; a failed one holds nobody up.
    this.#lastDue = Math.min(this.#lastDue, now + REMEMBERED_RUNS * this.#expectedMs());
  }

  #expectedMs(): number {
    return this.#durations.length > 0 ? Math.min(...this.#durations) : 0;
  }
}

/** Lets most of the time pass in which something is expected. */
export async function sleepMost(expectedMs: number): Promise<void> {
  const milliseconds = expectedMs * SLEPT_SHARE - 1;
  if (milliseconds >= SHORTEST_SLEEP_MS) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
