import type { EngineDevice } from './device.ts';

/** The part of the expected time that is slept: what follows is a little slower, as the waiting takes a core. */
const SLEPT_SHARE = 0.92;

/** Timers count whole milliseconds and wake late: the last one is not worth a sleep. */
const SHORTEST_SLEEP_MS = 2;

/** A result that is there this soon after a sleep was there before: how long the run took is unknown then. */
const AT_ONCE_MS = 3;

/** What a run is taken to have lasted that was over before the sleep was, as a share of the sleep. */
const OVERSLEPT_SHARE = 0.85;

/** By how much an expectation grows at most from run to run: one run that was held up must not put the next to sleep. */
const GROWTH = 1.05;

/** What a run takes without polling, at least, as a share of one that was polled for all the time. */
const POLLED_SHARE = 0.6;

/** More runs are hardly on their way at once. */
const MOST_IN_FLIGHT = 16;

/**
 * Sleeps while the GPU works, for event loops in which waiting costs. Dawn's binding for Node polls the device from the
 * event loop as long as a promise of WebGPU is pending: a core is busy doing nothing, and where the processor does the
 * GPU's work, it is one core less for that. So the promise is only asked for when the result is nearly due. Runs finish in
 * the order in which they were submitted. The first one teaches nothing: it compiles.
 */
export class Patience {
  readonly #enabled: boolean;
  #expectedMs = 0;
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
    const due = Math.max(start, this.#lastDue) + this.#expectedMs;
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
    const slept = woke - start;
    const overslept = slept >= SHORTEST_SLEEP_MS && now - woke < AT_ONCE_MS;
    const most = this.#runs > 1 ? GROWTH * this.#expectedMs : POLLED_SHARE * (now - start);
    if (this.#runs > 0) this.#expectedMs = overslept ? OVERSLEPT_SHARE * slept : Math.min(now - start, most);
    this.#runs++;
    this.#lastFinished = now;
    // Those still on their way are due one after the other from now on; one that failed holds nobody up.
    this.#lastDue = Math.min(this.#lastDue, now + MOST_IN_FLIGHT * this.#expectedMs);
  }
}

/** Lets most of the time pass in which something is expected. */
export async function sleepMost(expectedMs: number): Promise<void> {
  const milliseconds = expectedMs * SLEPT_SHARE - 1;
  if (milliseconds >= SHORTEST_SLEEP_MS) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
