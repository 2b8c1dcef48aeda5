import { type ConvolutionCandidate, tensorOf } from '../../shaders/conv-candidate.ts';
import { packedWeightSize } from '../../shaders/conv-weights.ts';
import { bytesPerElement, type ElementType, type FeatureMap } from '../../shaders/kernel.ts';
import { DeviceLostError, OutOfMemoryError } from '../errors.ts';
import { float32ToFloat16 } from '../half.ts';
import type { ConvolutionLayer } from '../plan/plan.ts';
import { roundUpTo4 } from '../plan/views.ts';
import type { EngineDevice } from './device.ts';
import { type BufferSlice, type Dispatch, PipelineCache, prepareDispatches } from './dispatch.ts';
import { createPassClock, type PassClock } from './pass-clock.ts';
import type { LayerTimer, PreparedLayer } from './tuner.ts';
import { BufferUsage } from './webgpu-flags.ts';

/** A layer and the kernels to time on it. */
export interface TimedLayer {
  readonly layer: ConvolutionLayer;
  readonly candidates: readonly ConvolutionCandidate[];
  /** Multiply and add count as two. */
  readonly flops: number;
}

/** The part of a layer by which a kernel shows that it is no match. */
const TRIAL_SHARE = 1 / 8;

/** So many times the limit are beyond doubt. */
const DOUBTFUL = 4;

const MOST_REPEATS = 50;

/** Bytes of numbers that are made once and written again and again. */
const FILLING_BYTES = 2 ** 18;

/**
 * Times kernels on layers in the shapes and strides that they have in the network, on numbers of ordinary size: zeros and
 * denormals would take another time on some processors. All layers share one buffer for each kind of tensor.
 */
export class GpuLayerTimer implements LayerTimer {
  readonly #device: EngineDevice;
  readonly #layers: ReadonlyMap<string, TimedLayer>;
  readonly #specialize: boolean;
  readonly #cache: PipelineCache;
  readonly #buffers = new Map<string, GPUBuffer>();
  readonly #clock: PassClock;
  #flopsPerMicrosecond = Number.POSITIVE_INFINITY;

  private constructor(device: EngineDevice, layers: readonly TimedLayer[], specialize: boolean, clock: PassClock) {
    this.#device = device;
    this.#layers = new Map(layers.map((timed) => [timed.layer.key, timed]));
    this.#specialize = specialize;
    this.#cache = new PipelineCache(device.device);
    this.#clock = clock;
  }

  /** @throws OutOfMemoryError */
  static async create(
    device: EngineDevice,
    layers: readonly TimedLayer[],
    specialize: boolean,
  ): Promise<GpuLayerTimer> {
    const timer = new GpuLayerTimer(device, layers, specialize, await createPassClock(device));
    device.device.pushErrorScope('out-of-memory');
    timer.#allocate();
    const shortage = await device.device.popErrorScope();
    if (!shortage) return timer;
    timer.dispose();
    throw new OutOfMemoryError(`There is no GPU memory left to time kernels in: ${shortage.message}`);
  }

  prepare(key: string): PreparedLayer {
    const timed = this.#layers.get(key);
    if (!timed) throw new Error(`there is no layer ${key}`);
    const compiling = new Map<string, Promise<Contestant>>();
    const contestants = new Map<string, Contestant>();
    const begin = (candidate: ConvolutionCandidate) => {
      const { name } = candidate;
      const known = compiling.get(name);
      if (known) return known;
      const created = this.#compile(timed, candidate);
      created.then((contestant) => contestants.set(name, contestant)).catch(() => undefined);
      compiling.set(name, created);
      return created;
    };
    // On a software adapter compiling and computing would compete for the processor.
    if (!this.#device.adapter.software) timed.candidates.forEach(begin);
    const contestantOf = (name: string): Contestant => {
      const contestant = contestants.get(name);
      if (!contestant) throw new Error(`${name} was not compiled for ${key}`);
      return contestant;
    };
    return {
      compile: async (name) => {
        const candidate = timed.candidates.find((each) => each.name === name);
        if (!candidate) throw new Error(`${key} has no kernel ${name}`);
        return begin(candidate).then(
          () => true,
          () => this.#requireDevice(),
        );
      },
      first: (name, limit) => this.#first(timed, contestantOf(name), limit),
      turn: (names) => this.#turn(timed, names.map(contestantOf)),
      release: () => {
        for (const created of compiling.values()) {
          created.then(({ parameters }) => parameters?.destroy()).catch(() => undefined);
        }
      },
    };
  }

  dispose(): void {
    this.#clock.dispose();
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }

  /** A kernel that a lost device can't compile is not to blame. @throws DeviceLostError */
  async #requireDevice(): Promise<false> {
    const lost = await Promise.race([this.#device.device.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
    if (lost) throw new DeviceLostError('the device was lost while kernels were compiled');
    return false;
  }

  async #compile({ layer }: TimedLayer, candidate: ConvolutionCandidate): Promise<Contestant> {
    const slices = new Map(tensorsOf(layer, candidate).map((tensor) => [tensor.name, this.#slice(tensor)] as const));
    const requests = candidate.build().map((kernel) => ({
      kernel,
      buffers: kernel.bindings.map((binding) => {
        const name = tensorOf(binding);
        const slice = slices.get(name);
        if (!slice) throw new Error(`${kernel.label} binds ${name}, which its candidate does not have`);
        return slice;
      }),
    }));
    const { dispatches, parameterBuffer } = await prepareDispatches(this.#cache, requests, {
      specialize: this.#specialize,
    });
    return { dispatches, parameters: parameterBuffer, microseconds: 0 };
  }

  /** Drivers put off work until a pipeline first runs: one workgroup runs before anything is timed. */
  async #first({ flops }: TimedLayer, contestant: Contestant, limit: number): Promise<number> {
    const { dispatches } = contestant;
    await this.#measure(dispatches.map((dispatch) => partOf(dispatch, 0)));
    const expected = flops / this.#flopsPerMicrosecond;
    const least = limit < Number.POSITIVE_INFINITY ? await this.#trial(dispatches, expected, limit) : 0;
    if (least > limit) return least;
    contestant.microseconds = await this.#measure(dispatches, 1, expected);
    const repeats = this.#repeatsOf(contestant);
    if (repeats > 1) contestant.microseconds = await this.#measure(dispatches, repeats, contestant.microseconds);
    this.#noteSpeed(flops, contestant);
    return contestant.microseconds;
  }

  /**
   * What a run takes at least, by a part of one. A processor does a share of the work in that share of the time; a GPU may
   * do all workgroups at once. What exceeds the limit by little gets a second look: the machine may have been busy.
   */
  async #trial(dispatches: readonly Dispatch[], expected: number, limit: number): Promise<number> {
    const { software } = this.#device.adapter;
    const share = software ? TRIAL_SHARE / 2 : TRIAL_SHARE;
    const part = dispatches.map((dispatch) => partOf(dispatch, share));
    const scale = software ? shareOf(part, dispatches) : 1;
    const look = async () => (await this.#measure(part, 1, expected * share)) / scale;
    const first = await look();
    return first > limit && first < limit * DOUBTFUL ? Math.min(first, await look()) : first;
  }

  /** Microseconds of one of the repeats. */
  async #measure(dispatches: readonly Dispatch[], repeats = 1, expectedMicroseconds = 0): Promise<number> {
    const run = { dispatches, repeats, expectedMicroseconds: repeats * expectedMicroseconds };
    const [time] = await this.#clock.time([run]);
    return time / repeats;
  }

  async #turn({ flops }: TimedLayer, contestants: readonly Contestant[]): Promise<number[]> {
    const runs = contestants.map((contestant) => {
      const repeats = this.#repeatsOf(contestant);
      return { dispatches: contestant.dispatches, repeats, expectedMicroseconds: repeats * contestant.microseconds };
    });
    const times = (await this.#clock.time(runs)).map((time, index) => time / runs[index].repeats);
    contestants.forEach((contestant, index) => {
      contestant.microseconds = Math.min(contestant.microseconds, times[index]);
      this.#noteSpeed(flops, contestant);
    });
    return times;
  }

  /** So many that the pass is long enough to be measured well. */
  #repeatsOf({ microseconds }: Contestant): number {
    const repeats = Math.ceil(this.#clock.shortestMicroseconds / microseconds);
    return Math.max(1, Math.min(MOST_REPEATS, repeats));
  }

  /** The best speed so far says what a layer takes at least. */
  #noteSpeed(flops: number, { microseconds }: Contestant): void {
    if (microseconds <= 0) return;
    const speed = flops / microseconds;
    const best = this.#flopsPerMicrosecond;
    this.#flopsPerMicrosecond = best === Number.POSITIVE_INFINITY ? speed : Math.max(best, speed);
  }

  #allocate(): void {
    const sizes = new Map<string, number>();
    const elements = new Map<string, ElementType>();
    for (const { layer, candidates } of this.#layers.values()) {
      for (const tensor of candidates.flatMap((candidate) => tensorsOf(layer, candidate))) {
        const key = bufferKey(tensor);
        sizes.set(key, Math.max(sizes.get(key) ?? 0, bytesOf(tensor)));
        elements.set(key, tensor.element);
      }
    }
    const usage = BufferUsage.storage | BufferUsage.copyDestination;
    for (const [key, size] of sizes) {
      const buffer = this.#device.device.createBuffer({ label: `tuner ${key}`, size, usage });
      this.#buffers.set(key, buffer);
      fill(this.#device.device, buffer, elements.get(key));
    }
  }

  #slice(tensor: LayerTensor): BufferSlice {
    const buffer = this.#buffers.get(bufferKey(tensor));
    if (!buffer) throw new Error(`the tuner has no buffer for ${tensor.name}`);
    return { buffer, offset: 0, size: bytesOf(tensor) };
  }
}

/** Whether every tensor of a candidate can be bound. */
export function fitsBindings(layer: LayerShape, candidate: ConvolutionCandidate, maxBytes: number): boolean {
  return tensorsOf(layer, candidate).every((tensor) => bytesOf(tensor) <= maxBytes);
}

/** A kernel that is ready to run. */
interface Contestant {
  readonly dispatches: readonly Dispatch[];
  readonly parameters: GPUBuffer | undefined;
  /** Its best run so far; 0 before the first. */
  microseconds: number;
}

interface LayerTensor {
  readonly name: string;
  readonly element: ElementType;
  readonly elements: number;
}

type LayerShape = Pick<ConvolutionLayer, 'spec' | 'groupChannels'>;

function tensorsOf({ spec, groupChannels }: LayerShape, candidate: ConvolutionCandidate): LayerTensor[] {
  const { input, output, residual, kernel, weightElement } = spec;
  const outChannels = output.channels;
  const weights = packedWeightSize(candidate.weights, { outChannels, groupChannels, kernel });
  const map = (name: string, tensor: FeatureMap) => ({ name, element: tensor.element, elements: spanOf(tensor) });
  return [
    map('input', input),
    { name: 'weights', element: weightElement, elements: weights },
    { name: 'bias', element: 'f32', elements: roundUpTo4(outChannels) },
    ...(residual ? [map('residual', residual)] : []),
    map('output', output),
    ...(candidate.scratch ?? []),
  ];
}

/** Elements from the start of a map's allocation to the map's end. */
function spanOf({ batch, height, width, channels, offset, imageStride, pixelStride }: FeatureMap): number {
  return offset + (batch - 1) * imageStride + (height * width - 1) * pixelStride + roundUpTo4(channels);
}

/** In whole vec4s of float32. */
function bytesOf({ element, elements }: LayerTensor): number {
  return Math.ceil((elements * bytesPerElement(element)) / 16) * 16;
}

/** Numbers of one type are no ordinary numbers of another: such tensors don't share a buffer. */
function bufferKey({ name, element }: LayerTensor): string {
  return `${name} ${element}`;
}

/** Numbers from -0.5 to 0.5, spread evenly. */
function fill(device: GPUDevice, buffer: GPUBuffer, element: ElementType | undefined): void {
  if (element !== 'f32' && element !== 'f16') return;
  const numbers = Float32Array.from({ length: FILLING_BYTES / 4 }, (_, index) => ((index * 0.618034) % 1) - 0.5);
  const bytes = new Uint8Array((element === 'f16' ? float32ToFloat16(numbers) : numbers).buffer);
  for (let offset = 0; offset < buffer.size; offset += bytes.byteLength) {
    device.queue.writeBuffer(buffer, offset, bytes, 0, Math.min(bytes.byteLength, buffer.size - offset));
  }
}

/** A dispatch of a share of its workgroups, one at least: cut along its longest side. */
function partOf(dispatch: Dispatch, share: number): Dispatch {
  const [x, y, z] = dispatch.workgroups;
  if (share === 0) return { ...dispatch, workgroups: [1, 1, 1] };
  const cut = (count: number) => Math.max(1, Math.ceil(count * share));
  if (y > x && y >= z) return { ...dispatch, workgroups: [x, cut(y), z] };
  return { ...dispatch, workgroups: z > x ? [x, y, cut(z)] : [cut(x), y, z] };
}

function shareOf(part: readonly Dispatch[], whole: readonly Dispatch[]): number {
  const count = (dispatches: readonly Dispatch[]) =>
    dispatches.reduce((total, { workgroups: [x, y, z] }) => total + x * y * z, 0);
  return count(part) / count(whole);
}
