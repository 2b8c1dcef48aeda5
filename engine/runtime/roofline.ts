import {
  COPY_FORMS,
  MULTIPLY_ADD_FORMS,
  memoryCopy,
  multiplyAdd,
  multiplyAddBytes,
  multiplyAddFlops,
} from '../../shaders/roofline.ts';
import type { EngineDevice } from './device.ts';
import { type BufferSlice, type Dispatch, type PipelineCache, prepareDispatches } from './dispatch.ts';
import { timePasses } from './timing.ts';
import { BufferUsage } from './webgpu-flags.ts';

/** What a device can do at best, as measured on it. */
export interface Roofline {
  /** Multiply-adds, counted as two. */
  readonly flopsPerSecond: number;
  /** Bytes read plus bytes written by a copy that exceeds the caches. */
  readonly bytesPerSecond: number;
}

/** The roofline of float32, and, where the device has it, that of float16. */
export interface Rooflines {
  readonly float32: Roofline;
  /** Its arithmetic is never slower: float16 can be computed in float32. */
  readonly float16?: Roofline;
}

/** What a copy reads: no cache holds that and what it writes. */
const COPY_BYTES = { software: 64 * 2 ** 20, gpu: 128 * 2 ** 20 };

/**
 * Enough to fill the largest GPUs several times over. On a processor the start of an invocation costs as much as hundreds of
 * multiply-adds, so there are few.
 */
const INVOCATIONS = { software: 2 ** 13, gpu: 2 ** 18 };

/** A run has to take this long, nanoseconds, for what surrounds it not to count. */
const LONG_ENOUGH = 4e6;

/** Timestamps of browsers come in steps of 0.1 ms: what seems to have taken less may have taken this long. */
const TIMESTAMP_STEP = 1e5;

const RUNS = 4;

const measured = new WeakMap<GPUDevice, Promise<Rooflines>>();

/** Measures a device once, by copies and by kernels of nothing but multiply-adds: the best run of the best form. */
export function measureRooflines(device: EngineDevice, cache: PipelineCache): Promise<Rooflines> {
  let result = measured.get(device.device);
  if (!result) {
    result = measure(device, cache);
    measured.set(device.device, result);
  }
  return result;
}

async function measure({ features, adapter, limits }: EngineDevice, cache: PipelineCache): Promise<Rooflines> {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const kind = adapter.software ? 'software' : 'gpu';
  const copyBytes = Math.min(COPY_BYTES[kind], 2 ** Math.floor(Math.log2(most)));
  const bytesPerSecond = await copySpeed(cache, copyBytes);
  const single = await multiplyAddSpeed(cache, 'f32', INVOCATIONS[kind]);
  if (!features.float16) return { float32: { flopsPerSecond: single, bytesPerSecond } };
  const half = Math.max(single, await multiplyAddSpeed(cache, 'f16', INVOCATIONS[kind]));
  return {
    float32: { flopsPerSecond: single, bytesPerSecond },
    float16: { flopsPerSecond: half, bytesPerSecond },
  };
}

async function copySpeed(cache: PipelineCache, bytes: number): Promise<number> {
  return withBuffers(cache.device, [bytes, bytes], async (buffers) => {
    const kernels = COPY_FORMS.map((form) => memoryCopy(form, bytes));
    const { dispatches } = await prepareDispatches(
      cache,
      kernels.map((kernel) => ({ kernel, buffers })),
    );
    return longRuns(1, 64, async (copies, runs) => {
      const passes = dispatches.map((dispatch) => new Array(copies).fill(dispatch));
      const times = await bestTimes(cache.device, passes, runs);
      return { times, rates: times.map((time) => (2 * bytes * copies) / time) };
    });
  });
}

async function multiplyAddSpeed(cache: PipelineCache, element: 'f32' | 'f16', invocations: number): Promise<number> {
  return withBuffers(cache.device, [multiplyAddBytes(element, invocations)], async (buffers) =>
    longRuns(16, 2 ** 16, async (turns, runs) => {
      const work = { invocations, turns };
      const { dispatches, parameterBuffer } = await prepareDispatches(
        cache,
        MULTIPLY_ADD_FORMS.map((form) => ({ kernel: multiplyAdd(form, element, work), buffers })),
      );
      const passes = dispatches.map((dispatch) => [dispatch]);
      const times = await bestTimes(cache.device, passes, runs);
      parameterBuffer?.destroy();
      return { times, rates: times.map((time, index) => multiplyAddFlops(MULTIPLY_ADD_FORMS[index], work) / time) };
    }),
  );
}

interface Trial {
  /** Nanoseconds of each form. */
  readonly times: readonly number[];
  /** What each form did per nanosecond. */
  readonly rates: readonly number[];
}

/** The best rate per second, of forms given so much work that each takes long enough to be timed. */
async function longRuns(
  least: number,
  most: number,
  trial: (work: number, runs: number) => Promise<Trial>,
): Promise<number> {
  let work = least;
  for (;;) {
    const { times } = await trial(work, 1);
    const shortest = Math.max(TIMESTAMP_STEP, Math.min(...times));
    if (shortest >= LONG_ENOUGH || work >= most) break;
    work = Math.min(most, work * 2 ** Math.ceil(Math.log2(LONG_ENOUGH / shortest)));
  }
  const { rates } = await trial(work, RUNS);
  return Math.max(...rates) * 1e9;
}

/** The shortest time of each pass, nanoseconds. They take turns, so that a disturbance meets all of them. */
async function bestTimes(device: GPUDevice, passes: readonly (readonly Dispatch[])[], runs: number): Promise<number[]> {
  const best = passes.map(() => Number.POSITIVE_INFINITY);
  for (let run = 0; run < runs; run++) {
    (await timePasses(device, [], passes)).forEach((time, index) => {
      best[index] = Math.min(best[index], Math.max(time, 1));
    });
  }
  return best;
}

async function withBuffers<T>(
  device: GPUDevice,
  sizes: readonly number[],
  work: (buffers: readonly BufferSlice[]) => Promise<T>,
): Promise<T> {
  const buffers = sizes.map((size) => device.createBuffer({ label: 'roofline', size, usage: BufferUsage.storage }));
  try {
    return await work(buffers.map((buffer) => ({ buffer, offset: 0, size: buffer.size })));
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}
