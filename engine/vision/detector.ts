import type { ModelSource } from '../../loader/read.ts';
import type { Contract } from '../../models/contract.ts';
import type { Model } from '../../models/model.ts';
import type { RawDetection } from '../../shaders/frame-settings.ts';
import {
  AbortError,
  DeviceLostError,
  DeviceUnavailableError,
  InvalidArgumentError,
  throwIfAborted,
} from '../errors.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import type { TuningTable } from '../plan/tuning-table.ts';
import { type AdapterReport, type EngineDevice, releaseDevice } from '../runtime/device.ts';
import { PipelineCache } from '../runtime/dispatch.ts';
import { choosePrecision, type Precision } from '../runtime/precision.ts';
import { createSession, type NetworkSession } from '../runtime/session.ts';
import { checkImage, type ImageSource } from './image.ts';
import { type KernelChoiceOptions, type KernelChooser, kernelChooser } from './kernel-options.ts';
import { type Box, boxToImage, letterboxGeometry } from './letterbox.ts';
import { type LoadProgress, type OpenModelOptions, openModel } from './open-model.ts';
import { DetectionPipeline, type FrameOptions, type FrameTimings, MAX_DETECTIONS } from './pipeline.ts';
import { deviceFor } from './platform.ts';

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
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadOptions extends OpenModelOptions, DetectorOptions {}

/** What is left out, or undefined, is as the network's contract has it. */
export interface DetectOptions {
  /** Only what scores more, 0..1. */
  readonly scoreThreshold?: number;
  /** A box goes if it overlaps a better one of its class by more, 0..1. End-to-end networks don't use it. */
  readonly iouThreshold?: number;
  /** From 1 to 1024. */
  readonly maxDetections?: number;
  /** Boxes suppress boxes of every class, not only of their own. Default false. */
  readonly classAgnostic?: boolean;
  /** Every class of an anchor above the threshold counts, as in COCO evaluation, not its best class only. Default false. */
  readonly multiLabel?: boolean;
  /** Detect in flipped and scaled copies too. Not built yet: true is refused. */
  readonly augment?: boolean;
  readonly signal?: AbortSignal;
}

export interface Detection {
  /** x1, y1, x2, y2 in pixels of the image as given, clipped to it. */
  readonly box: Box;
  /** 0..1. */
  readonly score: number;
  readonly classId: number;
  readonly label: string;
}

/** Milliseconds. */
export interface DetectionTimings extends FrameTimings {
  /** From the call until the result, waiting for earlier images included. */
  readonly total: number;
}

export interface DetectionResult {
  /** Best first. */
  readonly detections: Detection[];
  /** Size of the image, pixels. */
  readonly width: number;
  readonly height: number;
  readonly timings: DetectionTimings;
  readonly adapter: AdapterReport;
}

/**
 * A detection network on a device. Images go through in the order of the calls; several may be on their way at once. An
 * image must not change until its result is there.
 */
export class Detector {
  readonly contract: Contract;
  readonly adapter: AdapterReport;
  readonly precision: FloatPrecision;
  readonly #device: EngineDevice;
  readonly #releaseDevice: boolean;
  readonly #session: NetworkSession;
  readonly #pipeline: DetectionPipeline;
  readonly #chooser: KernelChooser | undefined;
  #lost: GPUDeviceLostInfo | undefined;
  #disposed = false;

  private constructor(
    contract: Contract,
    device: EngineDevice,
    ownDevice: boolean,
    precision: FloatPrecision,
    session: NetworkSession,
    pipeline: DetectionPipeline,
    chooser: KernelChooser | undefined,
  ) {
    this.contract = contract;
    this.adapter = device.adapter;
    this.precision = precision;
    this.#device = device;
    this.#releaseDevice = ownDevice;
    this.#session = session;
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
  static async create({ graph, contract }: Model, options: DetectorOptions = {}): Promise<Detector> {
    const { signal, timestamps = false } = options;
    const onProgress = (done: number, total: number) => options.onProgress?.({ stage: 'compile', done, total });
    const { device, ours } = await deviceFor(options.device);
    try {
      throwIfAborted(signal, 'Loading the detector');
      if (timestamps && !device.features.timestamps) {
        throw new DeviceUnavailableError(`The adapter "${device.adapter.name}" has no timestamp queries`);
      }
      const precision = choosePrecision(options.precision ?? 'auto', device);
      const chooser = await kernelChooser(options, device);
      const session = await createSession(graph, device, new PipelineCache(device.device), {
        precision,
        kernels: chooser?.kernels,
        choose: chooser?.choose,
        onProgress,
      });
      try {
        throwIfAborted(signal, 'Loading the detector');
        const pipeline = await DetectionPipeline.create(session, contract, timestamps);
        return new Detector(contract, device, ours, precision, session, pipeline, chooser);
      } catch (error) {
        session.dispose();
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
   * Finds objects in an image, or in each of a batch.
   * @throws InvalidImageError, InvalidArgumentError, AbortError, DeviceLostError, OutOfMemoryError
   */
  detect(image: ImageSource, options?: DetectOptions): Promise<DetectionResult>;
  detect(images: readonly ImageSource[], options?: DetectOptions): Promise<DetectionResult[]>;
  async detect(
    images: ImageSource | readonly ImageSource[],
    options: DetectOptions = {},
  ): Promise<DetectionResult | DetectionResult[]> {
    const frame = this.#frameOptions(options);
    if (!isBatch(images)) return this.#detectOne(images, frame, options.signal);
    return Promise.all(images.map((image) => this.#detectOne(image, frame, options.signal)));
  }

  /** Frees its GPU memory, and its device unless that was given to it. Images on their way end with `AbortError`. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pipeline.dispose();
    this.#session.dispose();
    if (this.#releaseDevice) releaseDevice(this.#device);
  }

  async #detectOne(
    source: ImageSource,
    frame: FrameOptions,
    signal: AbortSignal | undefined,
  ): Promise<DetectionResult> {
    const started = performance.now();
    throwIfAborted(signal, 'The detection');
    if (this.#disposed) throw new InvalidArgumentError('The detector was disposed of: load another');
    if (this.#lost) throw deviceLost(this.#lost);
    const image = checkImage(source, this.#device.limits);
    const { width, height } = image;
    const geometry = letterboxGeometry(width, height, this.contract.input);
    const { detections, timings } = await settledBy(
      signal,
      this.#pipeline.run(image, geometry, frame, signal).catch((error: unknown) => this.#explain(error)),
    );
    const found = detections.flatMap((raw) => this.#toDetection(raw, boxToImage(raw.box, geometry, width, height)));
    const total = performance.now() - started;
    return { detections: found, width, height, timings: { ...timings, total }, adapter: this.adapter };
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

/** The promise's outcome, or `AbortError` as soon as the signal fires; what was begun runs to its end unseen. */
async function settledBy<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (!signal) return promise;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new AbortError('The detection was cancelled', { cause: signal.reason }));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
