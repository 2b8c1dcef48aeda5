import type { ModelSource } from '../../loader/read.ts';
import type { Contract } from '../../models/contract.ts';
import type { InputSize } from '../../models/input-size.ts';
import type { RawDetection } from '../../shaders/frame-settings.ts';
import { settledBy } from '../abort.ts';
import {
  AbortError,
  DeviceLostError,
  DeviceUnavailableError,
  InvalidArgumentError,
  throwIfAborted,
  UnsupportedModelError,
} from '../errors.ts';
import { loadPart } from '../load-part.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import type { TuningTable } from '../plan/tuning-table.ts';
import { type AdapterReport, type EngineDevice, releaseDevice } from '../runtime/device.ts';
import { PipelineCache } from '../runtime/dispatch.ts';
import { choosePrecision, type Precision } from '../runtime/precision.ts';
import { createSession } from '../runtime/session.ts';
import type { Batching, Detection, DetectionResult, DetectOptions, StreamedDetection } from './detection.ts';
import { checkImage, type ImageSource } from './image.ts';
import { type KernelChoiceOptions, type KernelChooser, kernelChooser } from './kernel-options.ts';
import { type Box, boxToImage, letterboxGeometry } from './letterbox.ts';
import { type LoadProgress, type OpenModelOptions, openModel, type ResizableModel } from './open-model.ts';
import { DetectionPipeline, type FrameOptions, MAX_DETECTIONS } from './pipeline.ts';
import type { PipelineStore, StoreOptions } from './pipelines.ts';
import { deviceFor } from './platform.ts';

const FRAMES_IN_FLIGHT = 3;
const MAX_BATCH = 8;

const MOST = { framesInFlight: 16, maxBatch: 64 } as const;

export interface DetectorOptions extends Pick<KernelChoiceOptions, 'tune' | 'kernels'> {
  /**
   * A device of `requestNodeDevice` or `acquireDevice`, or any GPUDevice; it stays the caller's. Without it the detector
   * requests one and destroys it when it is disposed of.
   */
  readonly device?: EngineDevice | GPUDevice;
  /** Default 'auto': float16 on a GPU that has it, else float32. */
  readonly precision?: Precision;
  /** Time every pass on the GPU too (`timings.gpu`); needs a device with timestamp queries. */
  readonly timestamps?: boolean;
  /**
   * How many submissions may be on their way at once, 1 to 16; more wait. Default 3: one being read, one on the GPU, one
   * behind it.
   */
  readonly framesInFlight?: number;
  /** The most images of an array in one submission, 1 to 64; default 8. Memory for activations grows with it. */
  readonly maxBatch?: number;
  /** Names of the planner's optimisations to leave out, to see what they bring. */
  readonly disable?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadOptions extends OpenModelOptions, DetectorOptions {}

/**
 * A detection network on a device. Images go through in the order of the calls, as long as these ask for batches and inputs
 * of one size; several may be on their way at once. An image must not change until its result is there.
 */
export class Detector {
  readonly contract: Contract;
  readonly adapter: AdapterReport;
  readonly precision: FloatPrecision;
  readonly #device: EngineDevice;
  readonly #releaseDevice: boolean;
  readonly #model: ResizableModel;
  readonly #options: StoreOptions;
  /** For one image in the network's own size. */
  readonly #pipeline: DetectionPipeline;
  /** For batches and other sizes; loaded when there are such. */
  #others: PipelineStore | undefined;
  #loadingOthers: Promise<PipelineStore> | undefined;
  readonly #chooser: KernelChooser | undefined;
  #lost: GPUDeviceLostInfo | undefined;
  #disposed = false;

  private constructor(
    model: ResizableModel,
    device: EngineDevice,
    ownDevice: boolean,
    options: StoreOptions,
    pipeline: DetectionPipeline,
    chooser: KernelChooser | undefined,
  ) {
    this.contract = model.contract;
    this.adapter = device.adapter;
    this.precision = options.precision;
    this.#model = model;
    this.#device = device;
    this.#releaseDevice = ownDevice;
    this.#options = options;
    this.#pipeline = pipeline;
    this.#chooser = chooser;
    device.device.lost.then((info) => {
      this.#lost = info;
    });
  }

  /**
   * Reads a model and compiles it. Without a source, the small network that comes with the package.
   * @param source a URL, a path (in Node), a Blob, or the file's bytes
   * @throws ModelReadError, ModelFormatError, UnsupportedModelError, and as `create`
   */
  static async load(source?: ModelSource, options: LoadOptions = {}): Promise<Detector> {
    return Detector.create(await openModel(source, options), options);
  }

  /**
   * Compiles a detector for a device.
   * @throws DeviceUnavailableError, DeviceLostError, OutOfMemoryError, InvalidArgumentError, AbortError
   */
  static async create(model: ResizableModel, options: DetectorOptions = {}): Promise<Detector> {
    const { signal, timestamps = false } = options;
    const framesInFlight = requireCount('framesInFlight', options.framesInFlight ?? FRAMES_IN_FLIGHT);
    const maxBatch = requireCount('maxBatch', options.maxBatch ?? MAX_BATCH);
    const onProgress = (done: number, total: number) => options.onProgress?.({ stage: 'compile', done, total });
    const { device, ours } = await deviceFor(options.device);
    try {
      throwIfAborted(signal, 'Loading the detector');
      if (timestamps && !device.features.timestamps) {
        throw new DeviceUnavailableError(`The adapter "${device.adapter.name}" has no timestamp queries`);
      }
      const precision = choosePrecision(options.precision ?? 'auto', device);
      const { disable } = options;
      const chooser = await kernelChooser(options, device);
      const pipelineOptions = { precision, disable, chooser, timestamps, framesInFlight, maxBatch };
      const session = await createSession(model.graph, device, new PipelineCache(device.device), {
        precision,
        disable,
        kernels: chooser?.kernels,
        choose: chooser?.choose,
        onProgress,
      });
      const pipeline = await DetectionPipeline.create(session, model.contract, pipelineOptions);
      try {
        throwIfAborted(signal, 'Loading the detector');
        if (pipeline.images === 1) return new Detector(model, device, ours, pipelineOptions, pipeline, chooser);
        throw new UnsupportedModelError(`The network takes ${pipeline.images} images at a time: export it for one`);
      } catch (error) {
        pipeline.dispose();
        throw error;
      }
    } catch (error) {
      if (ours) releaseDevice(device);
      throw error;
    }
  }

  /** Names by class number. */
  get labels(): readonly string[] {
    return this.contract.labels;
  }

  /** What is known of its layers on this adapter, where it was loaded with tuning. */
  get tuning(): TuningTable | undefined {
    return this.#chooser?.tuning;
  }

  /**
   * How many images of an array go through the network at once. `largest` is `maxBatch`, or less where the network mixes
   * images or memory is short: the `reason` says so then, as soon as an array has been tried.
   */
  get batching(): Batching {
    return this.#others?.batching ?? { largest: this.#options.maxBatch };
  }

  /**
   * Finds objects in an image, or in each of several: as many as `batching` says go through together in one submission,
   * each with the size and the boxes that it has by itself.
   * @throws InvalidImageError, InvalidArgumentError, AbortError, DeviceLostError, OutOfMemoryError, ModuleLoadError
   */
  detect(image: ImageSource, options?: DetectOptions): Promise<DetectionResult>;
  detect(images: readonly ImageSource[], options?: DetectOptions): Promise<DetectionResult[]>;
  async detect(
    images: ImageSource | readonly ImageSource[],
    options: DetectOptions = {},
  ): Promise<DetectionResult | DetectionResult[]> {
    const started = performance.now();
    const frame = this.#frameOptions(options);
    this.#requireAlive(options.signal);
    if (!isBatch(images)) return (await this.#detectTogether([images], frame, options, started))[0];
    const fitting = async () => (await this.#store()).fit(images.length, options.inputSize);
    const size = images.length > 1 ? await this.#settled(fitting(), options.signal) : 1;
    const parts: Promise<DetectionResult[]>[] = [];
    for (let first = 0; first < images.length; first += size) {
      parts.push(this.#detectTogether(images.slice(first, first + size), frame, options, started));
    }
    return (await Promise.all(parts)).flat();
  }

  /**
   * Finds objects in one image after another, several of them on their way at once (`framesInFlight`).
   *
   * Of an iterable every image is looked at, in order; it is asked for the next one only when that can set out at once. Of
   * a video that plays, the newest frame is: what is shown while as many as may be are on their way or wait to be taken is
   * dropped. The stream ends with the source. Leaving the loop, an error and the signal (`AbortError`) end it too: the
   * iterable is closed, and the video let go. Images stay the caller's.
   * @throws as `detect`, and what the source throws
   */
  async *detectStream(
    source: AsyncIterable<ImageSource> | Iterable<ImageSource> | HTMLVideoElement,
    options: DetectOptions = {},
  ): AsyncGenerator<StreamedDetection, void, undefined> {
    const { detectFrames } = await loadPart('streams', () => import('./stream.ts'));
    yield* detectFrames(source, {
      detect: (image) => this.detect(image, options),
      framesInFlight: this.#options.framesInFlight,
      signal: options.signal,
    });
  }

  /** Frees its GPU memory, and its device unless that was given to it. Images on their way end with `AbortError`. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pipeline.dispose();
    this.#loadingOthers?.then((others) => others.dispose()).catch(() => {});
    if (this.#releaseDevice) releaseDevice(this.#device);
  }

  #requireAlive(signal: AbortSignal | undefined): void {
    throwIfAborted(signal, 'The detection');
    if (this.#disposed) throw new InvalidArgumentError('The detector was disposed of: load another');
    if (this.#lost) throw deviceLost(this.#lost);
  }

  /** A batch in one submission. */
  async #detectTogether(
    sources: readonly ImageSource[],
    options: FrameOptions,
    { inputSize, signal }: DetectOptions,
    started: number,
  ): Promise<DetectionResult[]> {
    const images = sources.map((source) => checkImage(source, this.#device.limits));
    const running = this.#use(images.length, inputSize, async (pipeline) => {
      const { input } = pipeline.contract;
      const placed = images.map((image) => ({
        image,
        geometry: letterboxGeometry(image.width, image.height, input),
      }));
      const { detections, timings } = await pipeline.run(placed, options, signal);
      return placed.map(({ image: { width, height }, geometry }, index): DetectionResult => {
        const found = detections[index].flatMap((raw) =>
          this.#toDetection(raw, boxToImage(raw.box, geometry, width, height)),
        );
        const total = performance.now() - started;
        const { adapter } = this;
        return { detections: found, width, height, timings: { ...timings, total }, batchSize: images.length, adapter };
      });
    });
    return this.#settled(running, signal);
  }

  async #use<T>(
    images: number,
    inputSize: InputSize | undefined,
    work: (pipeline: DetectionPipeline) => Promise<T>,
  ): Promise<T> {
    if (images === 1 && inputSize === undefined) return work(this.#pipeline);
    return (await this.#store()).use(images, inputSize, work);
  }

  #store(): Promise<PipelineStore> {
    this.#loadingOthers ??= this.#loadStore();
    return this.#loadingOthers;
  }

  async #loadStore(): Promise<PipelineStore> {
    try {
      const { PipelineStore } = await loadPart('batches', () => import('./batch-part.ts'));
      this.#others = new PipelineStore(this.#model, this.#pipeline, this.#options);
      return this.#others;
    } catch (error) {
      // Whoever asks next tries again.
      this.#loadingOthers = undefined;
      throw error;
    }
  }

  /** What a promise gives, `AbortError` as soon as the signal fires, or why it failed. */
  #settled<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return settledBy(
      signal,
      'The detection',
      promise.catch((error: unknown) => this.#explain(error)),
    );
  }

  /** None where nothing of the box lies in the image. */
  #toDetection({ score, classId }: RawDetection, box: Box): Detection[] {
    const [x1, y1, x2, y2] = box;
    if (!(x2 > x1 && y2 > y1)) return [];
    return [{ box, score, classId, label: this.labels[classId] ?? `class ${classId}` }];
  }

  #frameOptions(options: DetectOptions): FrameOptions {
    const { defaults } = this.contract;
    if (options.augment) throw new InvalidArgumentError('augment is not built yet: leave it out');
    const scoreThreshold = options.scoreThreshold ?? defaults.scoreThreshold;
    const iouThreshold = options.iouThreshold ?? defaults.iouThreshold;
    const maxDetections = options.maxDetections ?? Math.min(defaults.maxDetections, MAX_DETECTIONS);
    for (const [name, value] of Object.entries({ scoreThreshold, iouThreshold })) {
      if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError(`${name} must be from 0 to 1, not ${value}`);
    }
    if (!Number.isInteger(maxDetections) || maxDetections < 1 || maxDetections > MAX_DETECTIONS) {
      throw new InvalidArgumentError(
        `maxDetections must be a whole number from 1 to ${MAX_DETECTIONS}, not ${maxDetections}`,
      );
    }
    const { classAgnostic = false, multiLabel = false } = options;
    return { scoreThreshold, iouThreshold, maxDetections, classAgnostic, multiLabel };
  }

  /** A mapping that fails says little; the device and we know why. */
  async #explain(error: unknown): Promise<never> {
    if (this.#disposed)
      throw new AbortError('The detector was disposed of before the result was there', { cause: error });
    // A lost device says so a moment after what it breaks.
    const lost = await Promise.race([this.#device.device.lost, delay(0)]);
    if (lost) throw deviceLost(lost);
    throw error;
  }
}

function requireCount(name: keyof typeof MOST, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= MOST[name]) return count;
  throw new InvalidArgumentError(`${name} must be a whole number from 1 to ${MOST[name]}, not ${count}`);
}

function isBatch(images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] {
  return Array.isArray(images);
}

function deviceLost({ message, reason }: GPUDeviceLostInfo): DeviceLostError {
  const why = message.trim().split('\n')[0] || reason;
  return new DeviceLostError(`The GPU device was lost (${why}): load the detector again`);
}

function delay(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
