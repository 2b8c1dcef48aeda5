import type { Contract } from '../../models/contract.ts';
import {
  FRAME_SETTINGS_BYTES,
  packFrameSettings,
  type RawDetection,
  readResult,
  resultBytes,
} from '../../shaders/frame-settings.ts';
import {
  AbortError,
  InvalidArgumentError,
  OutOfMemoryError,
  throwIfAborted,
  UnsupportedModelError,
} from '../errors.ts';
import { type Dispatch, encodeDispatches } from '../runtime/dispatch.ts';
import { nudged } from '../runtime/firefox-nudge.ts';
import { Patience } from '../runtime/patience.ts';
import type { BoundTensor, NetworkSession } from '../runtime/session.ts';
import { BufferUsage, MapMode } from '../runtime/webgpu-flags.ts';
import type { CheckedImage } from './image.ts';
import type { Geometry } from './letterbox.ts';
import { PassTimer } from './pass-timer.ts';
import { createPostprocessing, type Postprocessing } from './postprocessing.ts';
import { Preprocessing } from './preprocessing.ts';

/** The most detections that an image can have. */
export const MAX_DETECTIONS = 1024;

export interface PipelineOptions {
  /** Time every pass on the GPU. */
  readonly timestamps: boolean;
  /** How many frames may be on their way at once. */
  readonly framesInFlight: number;
}

export interface FrameOptions {
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  /** At most MAX_DETECTIONS. */
  readonly maxDetections: number;
  readonly classAgnostic: boolean;
  readonly multiLabel: boolean;
}

/** An image, and where it goes in the network's input. */
export interface PlacedImage {
  readonly image: CheckedImage;
  readonly geometry: Geometry;
}

/** Milliseconds, of the whole batch that the image was in. */
export interface FrameTimings {
  /** Handing the image's pixels to WebGPU. */
  readonly upload: number;
  /** Recording and submitting the commands. */
  readonly encode: number;
  /** What the GPU took from the first dispatch to the last, if timestamps were asked for. */
  readonly gpu?: number;
  /** From the submission until the detections are in memory: the GPU's work included. */
  readonly readback: number;
}

export interface Frame {
  /** Of each image of the batch. */
  readonly detections: readonly RawDetection[][];
  readonly timings: FrameTimings;
}

/**
 * From a batch of images to detections on the GPU: one compute pass, one submission and one readback for each frame, which
 * is as many images as the session takes. A frame is recorded without a pause, and WebGPU keeps the order of writes and
 * submissions, so frames share every buffer but the one that is read; they come out in the order in which they went in.
 */
export class DetectionPipeline {
  readonly contract: Contract;
  /** Images in a frame. */
  readonly images: number;
  readonly session: NetworkSession;
  readonly #device: GPUDevice;
  readonly #settings: GPUBuffer;
  readonly #settingsData: Float32Array<ArrayBuffer>;
  readonly #preprocessing: Preprocessing;
  readonly #preprocess: Dispatch[] = [];
  readonly #postprocessing = new Map<boolean, Promise<Postprocessing>>();
  readonly #timer: PassTimer | undefined;
  readonly #patience: Patience;
  readonly #readbacks: readonly GPUBuffer[];
  readonly #free: GPUBuffer[];
  readonly #waiting: ((readback: GPUBuffer) => void)[] = [];
  #disposed = false;

  private constructor(session: NetworkSession, contract: Contract, { timestamps, framesInFlight }: PipelineOptions) {
    const { device } = session.device;
    const input = inputOf(session, contract);
    this.session = session;
    this.contract = contract;
    this.images = input.view.shape[0];
    this.#device = device;
    this.#settings = device.createBuffer({
      label: 'frame settings',
      size: this.images * FRAME_SETTINGS_BYTES,
      usage: BufferUsage.storage | BufferUsage.copyDestination,
    });
    this.#settingsData = new Float32Array(this.#settings.size / 4);
    const settings = Array.from({ length: this.images }, (_, image) => ({
      buffer: this.#settings,
      offset: image * FRAME_SETTINGS_BYTES,
      size: FRAME_SETTINGS_BYTES,
    }));
    this.#preprocessing = new Preprocessing(session.device, contract.input, input, settings);
    this.#timer = timestamps ? new PassTimer(device) : undefined;
    this.#patience = new Patience(session.device);
    this.#readbacks = Array.from({ length: framesInFlight }, () =>
      device.createBuffer({
        label: 'readback',
        size: this.images * resultBytes(MAX_DETECTIONS) + PassTimer.bytes,
        usage: BufferUsage.mapRead | BufferUsage.copyDestination,
      }),
    );
    this.#free = [...this.#readbacks];
  }

  /**
   * Compiles what every frame needs; kernels for other sources than bytes, and for `multiLabel`, follow when asked for.
   * The session is the pipeline's from then on, also where it fails.
   */
  static async create(
    session: NetworkSession,
    contract: Contract,
    options: PipelineOptions,
  ): Promise<DetectionPipeline> {
    let pipeline: DetectionPipeline | undefined;
    try {
      pipeline = new DetectionPipeline(session, contract, options);
      await Promise.all([pipeline.#preprocessing.compile('bytes'), pipeline.#postprocess(false)]);
      return pipeline;
    } catch (error) {
      pipeline?.dispose();
      session.dispose();
      throw error;
    }
  }

  /**
   * @param images as many as the pipeline takes
   * @throws AbortError, InvalidImageError, OutOfMemoryError; rejects where the device is lost or the pipeline disposed
   */
  async run(images: readonly PlacedImage[], options: FrameOptions, signal?: AbortSignal): Promise<Frame> {
    const uploads = await Promise.all(images.map(({ image }, index) => this.#preprocessing.prepare(image, index)));
    const postprocessing = await this.#postprocess(options.multiLabel);
    const readback = await this.#acquire();
    try {
      throwIfAborted(signal, 'The detection');
      if (this.#disposed) throw new AbortError('The detector was disposed of');
      const started = performance.now();
      let uploaded = started;
      const problem = this.#scoped(() => {
        this.#writeSettings(images, options);
        uploads.forEach((upload, index) => {
          this.#preprocess[index] = upload();
        });
        uploaded = performance.now();
        this.#submit(postprocessing, readback, options.maxDetections);
      });
      const submitted = performance.now();
      const size = resultBytes(options.maxDetections);
      const results = this.images * size;
      const read = results + (this.#timer ? PassTimer.bytes : 0);
      const mapped = this.#patience.wait(() => nudged(this.#device.queue, readback.mapAsync(MapMode.read, 0, read)));
      const outcomes = await Promise.allSettled([problem, mapped]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      const bytes = readback.getMappedRange(0, read);
      const detections = images.map((_, index) => readResult(bytes, index * size));
      const gpu = this.#timer && PassTimer.milliseconds(bytes, results);
      const timings = {
        upload: uploaded - started,
        encode: submitted - uploaded,
        ...(gpu === undefined ? {} : { gpu }),
        readback: performance.now() - submitted,
      };
      return { detections, timings };
    } finally {
      readback.unmap();
      this.#release(readback);
    }
  }

  /** Frees its GPU memory, and the session's. Frames on their way are rejected. */
  dispose(): void {
    this.#disposed = true;
    this.#preprocessing.release();
    for (const creating of this.#postprocessing.values()) creating.then((created) => created.dispose()).catch(() => {});
    this.#timer?.dispose();
    for (const buffer of [this.#settings, ...this.#readbacks]) buffer.destroy();
    this.session.dispose();
  }

  /** The frame's commands. Creates nothing but their encoder. */
  #submit(postprocessing: Postprocessing, readback: GPUBuffer, maxDetections: number): void {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass(this.#timer?.descriptor);
    encodeDispatches(pass, this.#preprocess);
    this.session.encode(pass);
    encodeDispatches(pass, postprocessing.dispatches);
    pass.end();
    const { buffer } = postprocessing.result;
    const size = resultBytes(maxDetections);
    for (let image = 0; image < this.images; image++) {
      encoder.copyBufferToBuffer(buffer, image * resultBytes(MAX_DETECTIONS), readback, image * size, size);
    }
    this.#timer?.resolve(encoder, readback, this.images * size);
    this.#device.queue.submit([encoder.finish()]);
  }

  #postprocess(multiLabel: boolean): Promise<Postprocessing> {
    let created = this.#postprocessing.get(multiLabel);
    if (!created) {
      const { cache, outputs } = this.session;
      const settings = { buffer: this.#settings, offset: 0, size: this.#settings.size };
      created = createPostprocessing(cache, this.contract, outputs, settings, {
        images: this.images,
        multiLabel,
        capacity: MAX_DETECTIONS,
      });
      this.#postprocessing.set(multiLabel, created);
    }
    return created;
  }

  #writeSettings(images: readonly PlacedImage[], options: FrameOptions): void {
    images.forEach(({ image, geometry }, index) => {
      packFrameSettings(
        {
          image: index,
          imageWidth: image.width,
          imageHeight: image.height,
          pixelBytes: image.form === 'bytes' ? image.pixelBytes : 0,
          contentLeft: geometry.left,
          contentTop: geometry.top,
          contentWidth: geometry.contentWidth,
          contentHeight: geometry.contentHeight,
          scoreThreshold: options.scoreThreshold,
          iouThreshold: options.iouThreshold,
          maxDetections: options.maxDetections,
          classAgnostic: options.classAgnostic ? 1 : 0,
        },
        this.#settingsData,
        index,
      );
    });
    this.#device.queue.writeBuffer(this.#settings, 0, this.#settingsData);
  }

  /**
   * Runs synchronous work and rejects with what it threw, or with what WebGPU found wrong with it: WebGPU doesn't throw,
   * it would go on with an invalid buffer or texture and leave the last frame's detections standing.
   */
  async #scoped(work: () => void): Promise<void> {
    this.#device.pushErrorScope('validation');
    this.#device.pushErrorScope('out-of-memory');
    const done = new Promise<void>((resolve) => resolve(work()));
    const scopes = [this.#device.popErrorScope(), this.#device.popErrorScope()];
    const [, outOfMemory, invalid] = await Promise.all([done, ...scopes]);
    if (outOfMemory) {
      // What couldn't be allocated must not serve the next image.
      this.#preprocessing.release();
      throw new OutOfMemoryError(`There is no GPU memory left for the image: ${outOfMemory.message}`);
    }
    if (invalid) throw new InvalidArgumentError(`WebGPU refuses the image: ${invalid.message}`);
  }

  async #acquire(): Promise<GPUBuffer> {
    return this.#free.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(readback: GPUBuffer): void {
    const next = this.#waiting.shift();
    if (next) next(readback);
    else this.#free.push(readback);
  }
}

function inputOf({ inputs }: NetworkSession, { input }: Contract): BoundTensor {
  const bound = inputs.get(input.name);
  if (!bound) {
    throw new InvalidArgumentError(
      `The contract names the input ${input.name}, but the network has ${[...inputs.keys()].join(', ')}`,
    );
  }
  const { shape } = bound.view;
  if (shape.length === 4 && shape[1] === 3) return bound;
  throw new UnsupportedModelError(
    `A detector's input is [N, 3, height, width], and ${input.name} is [${shape.join(', ')}]`,
  );
}
