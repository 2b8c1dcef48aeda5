import { type Dispatch, encodeDispatches } from './dispatch.ts';
import { sleepMost } from './patience.ts';
import { BufferUsage, MapMode } from './webgpu-flags.ts';

/** Nanoseconds of each dispatch, each in a compute pass of its own. Needs timestamp queries. */
export function timeEach(
  device: GPUDevice,
  before: readonly Dispatch[],
  dispatches: readonly Dispatch[],
): Promise<number[]> {
  return timePasses(
    device,
    before,
    dispatches.map((dispatch) => [dispatch]),
  );
}

/** Nanoseconds of each group of dispatches, each group in a compute pass of its own, after those of `before`. */
export async function timePasses(
  device: GPUDevice,
  before: readonly Dispatch[],
  passes: readonly (readonly Dispatch[])[],
): Promise<number[]> {
  const clock = new PassClock(device, passes.length);
  const encoder = device.createCommandEncoder();
  if (before.length > 0) {
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, before);
    pass.end();
  }
  passes.forEach((dispatches, index) => {
    const pass = encoder.beginComputePass({ timestampWrites: clock.timestampWrites(index) });
    encodeDispatches(pass, dispatches);
    pass.end();
  });
  clock.resolve(encoder);
  device.queue.submit([encoder.finish()]);
  // See `Patience`: waiting takes a core from what is being timed. Here the GPU itself tells how long things take.
  await sleepMost(passes.reduce((total, dispatches) => total + expectedMs(dispatches), 0));
  try {
    const times = await clock.read();
    passes.forEach((dispatches, index) => {
      remember(dispatches, times[index]);
    });
    return times;
  } finally {
    clock.dispose();
  }
}

/** Timestamps at the borders of compute passes. */
export class PassClock {
  readonly #passes: number;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;

  constructor(device: GPUDevice, passes: number) {
    const size = passes * 16;
    this.#passes = passes;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: passes * 2 });
    this.#resolved = device.createBuffer({ size, usage: BufferUsage.queryResolve | BufferUsage.copySource });
    this.#readback = device.createBuffer({ size, usage: BufferUsage.mapRead | BufferUsage.copyDestination });
  }

  timestampWrites(pass: number): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: pass * 2, endOfPassWriteIndex: pass * 2 + 1 };
  }

  /** To be encoded after the last pass. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, this.#passes * 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, this.#passes * 16);
  }

  /** Nanoseconds of each pass, once what was submitted is done. */
  async read(): Promise<number[]> {
    await this.#readback.mapAsync(MapMode.read);
    const stamps = new BigUint64Array(this.#readback.getMappedRange());
    // A clock that was reset in between would make it negative.
    const times = Array.from({ length: this.#passes }, (_, pass) =>
      Math.max(0, Number(stamps[pass * 2 + 1] - stamps[pass * 2])),
    );
    this.#readback.unmap();
    return times;
  }

  dispose(): void {
    this.#readback.destroy();
    this.#resolved.destroy();
    this.#queries.destroy();
  }
}

/** The least that a dispatch has taken so far, nanoseconds. */
const shortest = new WeakMap<Dispatch, number>();

function remember(dispatches: readonly Dispatch[], time: number): void {
  for (const dispatch of dispatches) {
    shortest.set(dispatch, Math.min(shortest.get(dispatch) ?? Number.POSITIVE_INFINITY, time / dispatches.length));
  }
}

function expectedMs(dispatches: readonly Dispatch[]): number {
  return dispatches.reduce((total, dispatch) => total + (shortest.get(dispatch) ?? 0), 0) / 1e6;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
