import type { EngineDevice } from './device.ts';

/** How many past runs an expectation rests on: their shortest, as anything else on the machine only makes runs longer. */
const REMEMBERED_RUNS = 4;

/** The part of the expected time that is slept. What a sleep overshoots shortens the next one. */
const SLEPT_SHARE = 0.9;

/** Timers count whole milliseconds and wake late: the last one is not worth a sleep. */
const SHORTEST_SLEEP_MS = 2;

/**
 * Sleeps while the GPU works, for event loops in which waiting costs. Dawn's binding for Node polls the device from the
 * event loop as long as a promise of WebGPU is pending: a core is busy doing nothing, and where the processor does the
 * GPU's work, it is one core less for that. So the promise is only asked for when the result is nearly due. Runs finish in
 * the order in which they were submitted.
 */
export class Patience {
  readonly #enabled: boolean;
  readonly #durations: number[] = [];
  #lastFinished = 0;
  #lastDue = 0;

  constructor({ pollsWhileWaiting }: Pick<EngineDevice, 'pollsWhileWaiting'>) {
    this.#enabled = pollsWhileWaiting;
  }

  /** Call right after a submission, and `finished` of what it returns when its result is there. */
  submitted(): { readonly nearlyDue: Promise<void>; finished(): void } {
    const start = performance.now();
    const due = Math.max(start, this.#lastDue) + this.#expectedMs();
    this.#lastDue = due;
    return {
      nearlyDue: sleepMost(due - start),
      finished: () => {
        const now = performance.now();
        this.#durations.push(now - Math.max(start, this.#lastFinished));
        if (this.#durations.length > REMEMBERED_RUNS) this.#durations.shift();
        this.#lastFinished = now;
        if (this.#lastDue > now && this.#lastDue === due) this.#lastDue = now;
      },
    };
  }

  #expectedMs(): number {
    return this.#enabled && this.#durations.length > 0 ? Math.min(...this.#durations) : 0;
  }
}

/** Lets most of the time pass in which something is expected. */
export async function sleepMost(expectedMs: number): Promise<void> {
  const milliseconds = expectedMs * SLEPT_SHARE - 1;
  if (milliseconds >= SHORTEST_SLEEP_MS) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
