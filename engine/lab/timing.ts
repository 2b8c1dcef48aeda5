import { throwIfAborted } from '../errors.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { encodeDispatches } from '../runtime/dispatch.ts';
import { Patience } from '../runtime/patience.ts';
import { median } from '../runtime/timing.ts';
import { BufferUsage, MapMode } from '../runtime/webgpu-flags.ts';
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

/** A sample should take this long, milliseconds: clocks of browsers move in steps of 0.1 ms, and submitting costs time. */
const SAMPLE_MS = { timestamps: 5, wall: 30 };
const MOST_REPEATS = 256;
const FEWEST_ROUNDS = 3;
/** A kernel this many times slower than the fastest is out of the race. */
const HOPELESS = 4;

/** Times kernels turn by turn, so that whatever else the machine does meets all of them alike. */
export async function timeTurns(
  device: EngineDevice,
  kernels: readonly PreparedKernel[],
  options: TimingOptions = {},
): Promise<KernelTiming[]> {
  const { rounds = 9, signal, onTurn } = options;
  const clock = options.clock ?? (device.features.timestamps ? 'timestamps' : 'wall');
  const runners = kernels.map((kernel) => new KernelRunner(device, kernel, clock, options.busyMs));
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
    for (const runner of runners) runner.dispose();
  }
}

class KernelRunner {
  readonly kernel: PreparedKernel;
  bestMs = Number.POSITIVE_INFINITY;
  readonly #device: EngineDevice;
  readonly #stamps: Stamps | undefined;
  readonly #patience: Patience;
  readonly #busyMs: (() => number) | undefined;
  readonly #samples: number[] = [];
  readonly #busy: number[] = [];
  #repeats = 1;
  #firstMs = 0;
  #firstBusyMs = 0;

  constructor(
    device: EngineDevice,
    kernel: PreparedKernel,
    clock: 'timestamps' | 'wall',
    busyMs: (() => number) | undefined,
  ) {
    this.kernel = kernel;
    this.#device = device;
    this.#stamps = clock === 'timestamps' ? new Stamps(device.device) : undefined;
    this.#patience = new Patience(device);
    this.#busyMs = busyMs;
  }

  /** The first run, and how many make a sample that is long enough. */
  async warmUp(): Promise<void> {
    const first = await this.#run();
    this.#firstMs = first.wallMs;
    this.#firstBusyMs = first.busyMs;
    const { ms } = await this.#run();
    const enough = SAMPLE_MS[this.#stamps ? 'timestamps' : 'wall'];
    this.#repeats = Math.min(MOST_REPEATS, Math.max(1, Math.round(enough / Math.max(ms, 1e-3))));
  }

  async sample(): Promise<void> {
    const { ms, busyMs } = await this.#run();
    this.#samples.push(ms);
    this.#busy.push(busyMs);
    this.bestMs = Math.min(this.bestMs, ms);
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
      clock: this.#stamps ? 'timestamps' : 'wall',
      firstMs: this.#firstMs,
      ...(this.#busyMs ? { busyMs: median(this.#busy), firstBusyMs: this.#firstBusyMs } : {}),
    };
  }

  dispose(): void {
    this.#stamps?.dispose();
  }

  async #run(): Promise<{ ms: number; wallMs: number; busyMs: number }> {
    const { device } = this.#device;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(this.#stamps ? { timestampWrites: this.#stamps.writes } : {});
    for (let repeat = 0; repeat < this.#repeats; repeat++) encodeDispatches(pass, this.kernel.dispatches);
    pass.end();
    this.#stamps?.resolve(encoder);
    const commands = encoder.finish();
    const busyBefore = this.#busyMs?.() ?? 0;
    const started = performance.now();
    device.queue.submit([commands]);
    // The first runs have nothing to expect, and a wall clock must not sleep over the end.
    const waiting = this.#stamps ? this.#patience.submitted() : undefined;
    await waiting?.nearlyDue;
    const stampedMs = this.#stamps ? await this.#stamps.readMs() : await device.queue.onSubmittedWorkDone();
    const wallMs = performance.now() - started;
    waiting?.finished();
    const busyMs = ((this.#busyMs?.() ?? 0) - busyBefore) / this.#repeats;
    return { ms: (stampedMs ?? wallMs) / this.#repeats, wallMs, busyMs };
  }
}

/** Timestamps at the beginning and the end of a pass. */
class Stamps {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer({ size: 16, usage: BufferUsage.queryResolve | BufferUsage.copySource });
    this.#readback = device.createBuffer({ size: 16, usage: BufferUsage.mapRead | BufferUsage.copyDestination });
  }

  get writes(): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, 16);
  }

  async readMs(): Promise<number> {
    await this.#readback.mapAsync(MapMode.read);
    const [begin, end] = new BigUint64Array(this.#readback.getMappedRange());
    this.#readback.unmap();
    return Math.max(0, Number(end - begin)) / 1e6;
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }
}
