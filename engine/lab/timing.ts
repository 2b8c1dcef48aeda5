import { throwIfAborted } from '../errors.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { createPassClock, type PassClock } from '../runtime/pass-clock.ts';
import { median } from '../runtime/timing.ts';
import type { PreparedKernel } from './prepared-kernel.ts';

export interface KernelTiming {
  /** Of one run of all dispatches of the kernel, milliseconds. */
  readonly medianMs: number;
  readonly bestMs: number;
  /** The first and the third quarter of the samples. */
  readonly quartilesMs: readonly [number, number];
  readonly samples: number;
  /** Runs in each sample, one after the other in one pass. */
  readonly repeats: number;
  /** Timestamps of the GPU, or the wall clock from submission to the end. */
  readonly clock: 'timestamps' | 'wall';
  /** The first run by the wall clock: on most drivers it compiles. */
  readonly firstMs: number;
  /** What `busyMs` counted during a run, median; and during the first. */
  readonly busyMs?: number;
  readonly firstBusyMs?: number;
}

export interface TimingOptions {
  /** Turns of each kernel; those far from the fastest get three. Default 9. */
  readonly rounds?: number;
  /** Forces the wall clock. Default: timestamps where the device has them. */
  readonly clock?: 'timestamps' | 'wall';
  /** A counter of processor time, for adapters whose work the processor does; milliseconds. */
  readonly busyMs?: () => number;
  readonly signal?: AbortSignal;
  /** Called after each turn of a kernel with what is known of it so far. */
  readonly onTurn?: (kernel: PreparedKernel, timing: KernelTiming) => void;
}

/** How many times as long as the shortest pass that can be measured a sample should be. */
const LONG_ENOUGH = 5;
const MOST_REPEATS = 256;
const FEWEST_ROUNDS = 3;
/** A kernel this many times slower than the fastest is out of the race. */
const HOPELESS = 4;

/**
 * Times kernels turn by turn, so that whatever else the machine does meets all of them alike.
 * @throws AbortError, DeviceLostError
 */
export async function timeTurns(
  device: EngineDevice,
  kernels: readonly PreparedKernel[],
  options: TimingOptions = {},
): Promise<KernelTiming[]> {
  const { rounds = 9, signal, onTurn, busyMs } = options;
  const timestamps = device.features.timestamps && options.clock !== 'wall';
  const clock = await createPassClock({ ...device, features: { ...device.features, timestamps } });
  const name = timestamps ? 'timestamps' : 'wall';
  const runners = kernels.map((kernel) => new KernelRunner(kernel, clock, name, busyMs));
  try {
    for (const runner of runners) {
      await runner.warmUp();
      throwIfAborted(signal, 'timing');
    }
    for (let round = 0; round < Math.max(rounds, FEWEST_ROUNDS); round++) {
      const fastest = Math.min(...runners.map(({ bestMs }) => bestMs));
      for (const runner of runners) {
        if (round >= FEWEST_ROUNDS && runner.bestMs > HOPELESS * fastest) continue;
        await runner.sample();
        throwIfAborted(signal, 'timing');
        onTurn?.(runner.kernel, runner.timing());
      }
    }
    return runners.map((runner) => runner.timing());
  } finally {
    clock.dispose();
  }
}

class KernelRunner {
  readonly kernel: PreparedKernel;
  bestMs = Number.POSITIVE_INFINITY;
  readonly #clock: PassClock;
  readonly #clockName: KernelTiming['clock'];
  readonly #busyMs: (() => number) | undefined;
  readonly #samples: number[] = [];
  readonly #busy: number[] = [];
  #repeats = 1;
  #expectedMs = 0;
  #firstMs = 0;
  #firstBusyMs = 0;

  constructor(
    kernel: PreparedKernel,
    clock: PassClock,
    clockName: KernelTiming['clock'],
    busyMs: (() => number) | undefined,
  ) {
    this.kernel = kernel;
    this.#clock = clock;
    this.#clockName = clockName;
    this.#busyMs = busyMs;
  }

  /** The first run, and how many make a sample that is long enough. */
  async warmUp(): Promise<void> {
    const started = performance.now();
    const { busyMs } = await this.#run();
    this.#firstMs = performance.now() - started;
    this.#firstBusyMs = busyMs;
    const { ms } = await this.#run();
    const enough = (LONG_ENOUGH * this.#clock.shortestMicroseconds) / 1000;
    this.#repeats = Math.min(MOST_REPEATS, Math.max(1, Math.round(enough / Math.max(ms, 1e-3))));
    this.#expectedMs = ms;
  }

  async sample(): Promise<void> {
    const { ms, busyMs } = await this.#run();
    this.#samples.push(ms);
    this.#busy.push(busyMs);
    this.bestMs = Math.min(this.bestMs, ms);
    this.#expectedMs = Math.min(this.#expectedMs, ms);
  }

  timing(): KernelTiming {
    const sorted = [...this.#samples].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)];
    return {
      medianMs: median(sorted),
      bestMs: sorted[0],
      quartilesMs: [at(0.25), at(0.75)],
      samples: sorted.length,
      repeats: this.#repeats,
      clock: this.#clockName,
      firstMs: this.#firstMs,
      ...(this.#busyMs ? { busyMs: median(this.#busy), firstBusyMs: this.#firstBusyMs } : {}),
    };
  }

  async #run(): Promise<{ ms: number; busyMs: number }> {
    const repeats = this.#repeats;
    const { dispatches } = this.kernel;
    const busyBefore = this.#busyMs?.() ?? 0;
    const expectedMicroseconds = this.#expectedMs * repeats * 1000;
    const [microseconds] = await this.#clock.time([{ dispatches, repeats, expectedMicroseconds }]);
    return { ms: microseconds / repeats / 1000, busyMs: ((this.#busyMs?.() ?? 0) - busyBefore) / repeats };
  }
}
