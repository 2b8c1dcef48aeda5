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
import { type BufferSlice, encodeDispatches } from '../runtime/dispatch.ts';
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

/** How many frames may be on their way at once: one being read, one on the GPU, one waiting. */
const FRAMES_IN_FLIGHT = 3;

export interface FrameOptions {
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  /** At most MAX_DETECTIONS. */
  readonly maxDetections: number;
  readonly classAgnostic: boolean;
  readonly multiLabel: boolean;
}

/** Milliseconds. */
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
  readonly detections: RawDetection[];
  readonly timings: FrameTimings;
}

/**
 * From image to detections on the GPU: one compute pass, one submission and one readback for each frame. A frame is
 * recorded without a pause, and WebGPU keeps the order of writes and submissions, so frames share every buffer but the
 * one that is read; they come out in the order in which they went in.
 */
export class DetectionPipeline {
  readonly #session: NetworkSession;
  readonly #device: GPUDevice;
  readonly #contract: Contract;
  readonly #settings: BufferSlice;
  readonly #settingsData = new Float32Array(FRAME_SETTINGS_BYTES / 4);
  readonly #preprocessing: Preprocessing;
  readonly #postprocessing = new Map<boolean, Promise<Postprocessing>>();
  readonly #timer: PassTimer | undefined;
  readonly #patience: Patience;
  readonly #readbacks: readonly GPUBuffer[];
  readonly #free: GPUBuffer[];
  readonly #waiting: ((readback: GPUBuffer) => void)[] = [];
  #disposed = false;

  private constructor(session: NetworkSession, contract: Contract, timestamps: boolean) {
    const { device } = session.device;
    this.#session = session;
    this.#device = device;
    this.#contract = contract;
    const usage = BufferUsage.storage | BufferUsage.copyDestination;
    const settings = device.createBuffer({ label: 'frame settings', size: FRAME_SETTINGS_BYTES, usage });
    this.#settings = { buffer: settings, offset: 0, size: FRAME_SETTINGS_BYTES };
    this.#preprocessing = new Preprocessing(session.device, contract.input, inputOf(session, contract), this.#settings);
    this.#timer = timestamps ? new PassTimer(device) : undefined;
    this.#patience = new Patience(session.device);
    this.#readbacks = Array.from({ length: FRAMES_IN_FLIGHT }, () =>
      device.createBuffer({
        label: 'readback',
        size: resultBytes(MAX_DETECTIONS) + PassTimer.bytes,
        usage: BufferUsage.mapRead | BufferUsage.copyDestination,
      }),
    );
    this.#free = [...this.#readbacks];
  }

  /** Compiles what every frame needs; kernels for other sources than bytes, and for `multiLabel`, follow when asked for. */
  static async create(session: NetworkSession, contract: Contract, timestamps: boolean): Promise<DetectionPipeline> {
    const pipeline = new DetectionPipeline(session, contract, timestamps);
    try {
      await Promise.all([pipeline.#preprocessing.compile('bytes'), pipeline.#postprocess(false)]);
      return pipeline;
    } catch (error) {
      pipeline.dispose();
      throw error;
    }
  }

  /** @throws AbortError, InvalidImageError, OutOfMemoryError; rejects where the device is lost or the pipeline disposed */
  async run(image: CheckedImage, geometry: Geometry, options: FrameOptions, signal?: AbortSignal): Promise<Frame> {
    const upload = await this.#preprocessing.prepare(image);
    const postprocessing = await this.#postprocess(options.multiLabel);
    const readback = await this.#acquire();
    try {
      throwIfAborted(signal, 'The detection');
      if (this.#disposed) throw new AbortError('The detector was disposed of');
      const started = performance.now();
      let uploaded = started;
      const size = resultBytes(options.maxDetections);
      const problem = this.#scoped(() => {
        this.#writeSettings(image, geometry, options);
        const preprocess = upload();
        uploaded = performance.now();
        const encoder = this.#device.createCommandEncoder();
        const pass = encoder.beginComputePass(this.#timer?.descriptor);
        encodeDispatches(pass, [preprocess]);
        this.#session.encode(pass);
        encodeDispatches(pass, postprocessing.dispatches);
        pass.end();
        encoder.copyBufferToBuffer(postprocessing.result.buffer, 0, readback, 0, size);
        this.#timer?.resolve(encoder, readback, size);
        this.#device.queue.submit([encoder.finish()]);
      });
      const submitted = performance.now();
      const read = size + (this.#timer ? PassTimer.bytes : 0);
      const mapped = this.#patience.wait(() => readback.mapAsync(MapMode.read, 0, read));
      const outcomes = await Promise.allSettled([problem, mapped]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      const bytes = readback.getMappedRange(0, read);
      const detections = readResult(bytes);
      const gpu = this.#timer && PassTimer.milliseconds(bytes, size);
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

  /** Frees its GPU memory, not the session's. Frames on their way are rejected. */
  dispose(): void {
    this.#disposed = true;
    this.#preprocessing.release();
    for (const creating of this.#postprocessing.values()) creating.then((created) => created.dispose()).catch(() => {});
    this.#timer?.dispose();
    for (const buffer of [this.#settings.buffer, ...this.#readbacks]) buffer.destroy();
  }

  #postprocess(multiLabel: boolean): Promise<Postprocessing> {
    let created = this.#postprocessing.get(multiLabel);
    if (!created) {
      const { cache, outputs } = this.#session;
      created = createPostprocessing(cache, this.#contract, outputs, this.#settings, {
        multiLabel,
        capacity: MAX_DETECTIONS,
      });
      this.#postprocessing.set(multiLabel, created);
    }
    return created;
  }

  #writeSettings(image: CheckedImage, geometry: Geometry, options: FrameOptions): void {
    packFrameSettings(
      {
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
    );
    this.#device.queue.writeBuffer(this.#settings.buffer, 0, this.#settingsData);
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
  if (shape.length === 4 && shape[0] === 1 && shape[1] === 3) return bound;
  throw new UnsupportedModelError(
    `A detector's input is [1, 3, height, width], and ${input.name} is [${shape.join(', ')}]: export it for one image`,
  );
}
