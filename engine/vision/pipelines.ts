import { type InputSize, sidesOf } from '../../models/input-size.ts';
import type { Model } from '../../models/model.ts';
import { AbortError, InvalidArgumentError, OutOfMemoryError, UnsupportedModelError } from '../errors.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { PipelineCache } from '../runtime/dispatch.ts';
import { createSession, type SessionOptions } from '../runtime/session.ts';
import { batchedGraph } from './batched-graph.ts';
import type { ResizableModel } from './open-model.ts';
import { DetectionPipeline, type PipelineOptions } from './pipeline.ts';

/** How many plans a detector keeps beside its first, and how many sizes of its network: those that were used last. */
export const PLANS_KEPT = 4;

export interface StoreOptions extends PipelineOptions, Pick<SessionOptions, 'onProgress'> {
  readonly precision: FloatPrecision;
  /** The most images in a submission. */
  readonly maxBatch: number;
}

/** How many images go through at once. */
export interface Batching {
  readonly largest: number;
  /** Why that is less than was asked for, where it is. */
  readonly reason?: string;
}

interface Entry {
  readonly pipeline: Promise<DetectionPipeline>;
  /** Calls that have it in hand. */
  users: number;
  evicted: boolean;
}

/**
 * The pipelines of a detector: one for each size of batch and of input that was asked for. The first, for one image of the
 * network's own size, stays; its weights serve the others too. Of the others those that were used last are kept.
 */
export class PipelineStore {
  readonly first: DetectionPipeline;
  readonly #model: ResizableModel;
  readonly #options: StoreOptions;
  /** By size of batch and input, in the order of their last use. */
  readonly #others = new Map<string, Entry>();
  readonly #models = new Map<string, Promise<Model>>();
  #batching: Batching;
  #disposed = false;

  private constructor(model: ResizableModel, options: StoreOptions, first: DetectionPipeline) {
    this.first = first;
    this.#model = model;
    this.#options = options;
    this.#batching = { largest: options.maxBatch };
  }

  /** @throws OutOfMemoryError, UnsupportedModelError, InvalidArgumentError, DeviceLostError */
  static async create(model: ResizableModel, device: EngineDevice, options: StoreOptions): Promise<PipelineStore> {
    const session = await createSession(model.graph, device, new PipelineCache(device.device), options);
    const first = await DetectionPipeline.create(session, model.contract, options);
    if (first.images === 1) return new PipelineStore(model, options, first);
    first.dispose();
    throw new UnsupportedModelError(`the network takes ${first.images} images at a time: export it for one image`);
  }

  get batching(): Batching {
    return this.#batching;
  }

  /**
   * How many of `wanted` images go through at once, at least 1; compiles for as many. What stands in the way of more is
   * `batching.reason` from then on.
   */
  async fit(wanted: number, inputSize: InputSize | undefined): Promise<number> {
    for (;;) {
      const images = Math.min(wanted, this.#batching.largest);
      if (images <= 1) return 1;
      try {
        await this.use(images, inputSize, async () => {});
        return images;
      } catch (error) {
        const halves = error instanceof OutOfMemoryError;
        if (!halves && !(error instanceof UnsupportedModelError)) throw error;
        const largest = halves ? images >> 1 : 1;
        this.#batching = { largest: Math.min(largest, this.#batching.largest), reason: error.message };
      }
    }
  }

  /** Does some work with the pipeline for a number of images and a size of input, which it compiles if need be. */
  async use<T>(
    images: number,
    inputSize: InputSize | undefined,
    work: (pipeline: DetectionPipeline) => Promise<T>,
  ): Promise<T> {
    const size = this.#sizeOf(inputSize);
    if (images === 1 && !size) return work(this.first);
    if (this.#disposed) throw new AbortError('The detector was disposed of');
    const entry = this.#entryFor(images, size);
    entry.users++;
    try {
      return await work(await entry.pipeline);
    } finally {
      entry.users--;
      if (entry.evicted) discard(entry);
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.first.dispose();
    for (const entry of this.#others.values()) entry.pipeline.then((pipeline) => pipeline.dispose()).catch(() => {});
    this.#others.clear();
  }

  /** [width, height], or undefined for the network's own. */
  #sizeOf(inputSize: InputSize | undefined): readonly [number, number] | undefined {
    if (inputSize === undefined) return undefined;
    const { family, input } = this.#model.contract;
    const [width, height] = sidesOf(family, inputSize);
    return width === input.width && height === input.height ? undefined : [width, height];
  }

  #entryFor(images: number, size: readonly [number, number] | undefined): Entry {
    const key = `${images} ${size?.join('x')}`;
    let entry = this.#others.get(key);
    if (!entry) {
      const compiled: Entry = { pipeline: this.#compile(images, size), users: 0, evicted: false };
      // What failed is tried again when it is asked for again.
      compiled.pipeline.catch(() => this.#others.get(key) === compiled && this.#others.delete(key));
      entry = compiled;
    }
    for (const evicted of moveToEnd(this.#others, key, entry)) {
      evicted.evicted = true;
      discard(evicted);
    }
    return entry;
  }

  async #compile(images: number, size: readonly [number, number] | undefined): Promise<DetectionPipeline> {
    const { device, cache } = this.first.session;
    const { graph, contract } = size ? await this.#modelAt(size) : this.#model;
    const session = await createSession(await batchedGraph(graph, images), device, cache, {
      precision: this.#options.precision,
      weightsOf: this.first.session,
    });
    return DetectionPipeline.create(session, contract, this.#options);
  }

  #modelAt(size: readonly [number, number]): Promise<Model> {
    const key = size.join('x');
    let model = this.#models.get(key);
    if (!model) {
      if (!this.#model.resize) {
        throw new InvalidArgumentError(
          `The detector was made from a graph of one size: load it from a file for ${key}`,
        );
      }
      model = this.#model.resize(size);
      model.catch(() => this.#models.delete(key));
    }
    moveToEnd(this.#models, key, model);
    return model;
  }
}

/** Makes an entry the last used one, and returns those that have to go. */
function moveToEnd<T>(entries: Map<string, T>, key: string, entry: T): T[] {
  entries.delete(key);
  entries.set(key, entry);
  return [...entries].slice(0, -PLANS_KEPT).map(([oldest, evicted]) => {
    entries.delete(oldest);
    return evicted;
  });
}

/** Frees a pipeline that is no longer kept, once nobody has it in hand. */
function discard({ pipeline, users }: Entry): void {
  if (users === 0) pipeline.then((unused) => unused.dispose()).catch(() => {});
}
