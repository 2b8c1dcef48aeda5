import { DeviceLostError } from '../errors.ts';
import type { EngineDevice } from './device.ts';
import { type Dispatch, encodeDispatches } from './dispatch.ts';
import { sleepMost } from './patience.ts';
import { BufferUsage, MapMode } from './webgpu-flags.ts';

/** Dispatches to time, in a pass of their own. */
export interface TimedRun {
  readonly dispatches: readonly Dispatch[];
  /** How often they are encoded, one after the other. */
  readonly repeats: number;
  /** What the pass will take at least, as far as that is known. */
  readonly expectedMicroseconds: number;
}

/** Times compute passes. One call at a time. */
export interface PassClock {
  /** Passes shorter than this are measured badly. */
  readonly shortestMicroseconds: number;
  /** Microseconds of each run, all repeats together. */
  time(runs: readonly TimedRun[]): Promise<number[]>;
  dispose(): void;
}

/** By timestamps where the device has them, else by the time until the device says that it is done. */
export async function createPassClock(device: EngineDevice): Promise<PassClock> {
  return device.features.timestamps ? new TimestampClock(device) : WallClock.create(device);
}

/** Systems reset a device that works too long on one submission. */
const LONGEST_SUBMISSION = 200_000;

/** Runs of one submission. */
const MOST_RUNS = 32;

class TimestampClock implements PassClock {
  /** Browsers round timestamps to a tenth of a millisecond. */
  readonly shortestMicroseconds = 1000;
  readonly #device: EngineDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;

  constructor(device: EngineDevice) {
    const gpu = device.device;
    const count = 2 * MOST_RUNS;
    this.#device = device;
    this.#queries = gpu.createQuerySet({ label: 'tuner', type: 'timestamp', count });
    const size = count * 8;
    this.#resolved = gpu.createBuffer({
      label: 'tuner',
      size,
      usage: BufferUsage.queryResolve | BufferUsage.copySource,
    });
    this.#readback = gpu.createBuffer({
      label: 'tuner',
      size,
      usage: BufferUsage.mapRead | BufferUsage.copyDestination,
    });
  }

  async time(runs: readonly TimedRun[]): Promise<number[]> {
    // Where the processor is to sleep while the GPU works, it has to know for how long: run by run.
    const groups = this.#device.pollsWhileWaiting ? runs.map((run) => [run]) : submissions(runs);
    const times: number[] = [];
    for (const group of groups) times.push(...(await this.#timeGroup(group)));
    return times;
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }

  async #timeGroup(runs: readonly TimedRun[]): Promise<number[]> {
    const { device } = this.#device;
    const encoder = device.createCommandEncoder();
    runs.forEach((run, index) => {
      encodePass(encoder, run, {
        querySet: this.#queries,
        beginningOfPassWriteIndex: index * 2,
        endOfPassWriteIndex: index * 2 + 1,
      });
    });
    const count = runs.length * 2;
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await waitFor(this.#device, expectedOf(runs), () => this.#readback.mapAsync(MapMode.read, 0, count * 8));
    const stamps = new BigUint64Array(this.#readback.getMappedRange(0, count * 8));
    // A clock that was reset in between would make it negative.
    const times = runs.map((_, index) => Math.max(0, Number(stamps[index * 2 + 1] - stamps[index * 2]) / 1000));
    this.#readback.unmap();
    return times;
  }
}

class WallClock implements PassClock {
  /** A few times what the way to the device and back takes, which varies. */
  readonly shortestMicroseconds = 4000;
  readonly #device: EngineDevice;
  #latency = 0;

  private constructor(device: EngineDevice) {
    this.#device = device;
  }

  static async create(device: EngineDevice): Promise<WallClock> {
    const clock = new WallClock(device);
    const nothing = { dispatches: [], repeats: 1, expectedMicroseconds: 0 };
    const waits = await clock.time([nothing, nothing, nothing, nothing]);
    clock.#latency = Math.min(...waits);
    return clock;
  }

  async time(runs: readonly TimedRun[]): Promise<number[]> {
    const times: number[] = [];
    for (const run of runs) times.push(Math.max(0, (await this.#run(run)) - this.#latency));
    return times;
  }

  dispose(): void {}

  async #run(run: TimedRun): Promise<number> {
    const { device } = this.#device;
    const encoder = device.createCommandEncoder();
    encodePass(encoder, run);
    const commands = encoder.finish();
    const started = performance.now();
    device.queue.submit([commands]);
    await waitFor(this.#device, run.expectedMicroseconds, () => device.queue.onSubmittedWorkDone());
    return (performance.now() - started) * 1000;
  }
}

function encodePass(
  encoder: GPUCommandEncoder,
  { dispatches, repeats }: TimedRun,
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass({ timestampWrites });
  for (let repeat = 0; repeat < repeats; repeat++) encodeDispatches(pass, dispatches);
  pass.end();
}

/** @throws DeviceLostError */
async function waitFor(
  { pollsWhileWaiting }: EngineDevice,
  expectedMicroseconds: number,
  done: () => Promise<unknown>,
): Promise<void> {
  if (pollsWhileWaiting) await sleepMost(expectedMicroseconds / 1000);
  try {
    await done();
  } catch (error) {
    throw new DeviceLostError('the device was lost while kernels were timed', { cause: error });
  }
}

/** Runs in their order, as many to a submission as may be. */
function submissions(runs: readonly TimedRun[]): TimedRun[][] {
  const groups: TimedRun[][] = [];
  for (const run of runs) {
    const last = groups.at(-1);
    const fits = last && last.length < MOST_RUNS && expectedOf([...last, run]) <= LONGEST_SUBMISSION;
    if (fits) last.push(run);
    else groups.push([run]);
  }
  return groups;
}

function expectedOf(runs: readonly TimedRun[]): number {
  return runs.reduce((total, { expectedMicroseconds }) => total + expectedMicroseconds, 0);
}
