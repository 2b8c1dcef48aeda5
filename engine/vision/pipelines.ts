import { type InputSize, sidesOf } from '../../models/input-size.ts';
import type { Model } from '../../models/model.ts';
import { AbortError, InvalidArgumentError, OutOfMemoryError, UnsupportedModelError } from '../errors.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import { createBatchSession } from '../runtime/batch-session.ts';
import { weightsOf } from '../runtime/shared-weights.ts';
import type { Batching } from './detection.ts';
import type { KernelChooser } from './kernel-options.ts';
import type { ResizableModel } from './open-model.ts';
import { DetectionPipeline, type PipelineOptions } from './pipeline.ts';

/** How many plans a detector keeps beside its first, and how many sizes of its network: those that were used last. */
export const PLANS_KEPT = 4;

export interface StoreOptions extends PipelineOptions {
  readonly precision: FloatPrecision;
  /** Names of planner optimisations to leave out. */
  readonly disable?: readonly string[];
  /** Chooses kernels by what was decided and measured before; nothing is timed for the plans of the store. */
  readonly chooser?: Pick<KernelChooser, 'kernels'>;
  /** The most images in a submission. */
  readonly maxBatch: number;
}

interface Entry {
  readonly pipeline: Promise<DetectionPipeline>;
  /** Calls that have it in hand. */
  users: number;
  evicted: boolean;
}

/**
 * The pipelines of a detector beside its first, which takes one image in the network's own size: one for each size of batch
 * and of input that was asked for. They read the first one's weights. Those that were used last are kept.
 */
export class PipelineStore {
  readonly #model: ResizableModel;
  readonly #first: DetectionPipeline;
  readonly #options: StoreOptions;
  /** By size of batch and input, in the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #models = new Map<string, Promise<Model>>();
  #batching: Batching;
  #disposed = false;

  constructor(model: ResizableModel, first: DetectionPipeline, options: StoreOptions) {
    this.#model = model;
    this.#first = first;
    this.#options = options;
    this.#batching = { largest: options.maxBatch };
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
    if (images === 1 && !size) return work(this.#first);
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

  /** Frees the pipelines, but not the first. */
  dispose(): void {
    this.#disposed = true;
    for (const entry of this.#entries.values()) entry.pipeline.then((pipeline) => pipeline.dispose()).catch(() => {});
    this.#entries.clear();
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
    let entry = this.#entries.get(key);
    if (!entry) {
      const compiled: Entry = { pipeline: this.#compile(images, size), users: 0, evicted: false };
      // What failed is tried again when it is asked for again.
      compiled.pipeline.catch(() => this.#entries.get(key) === compiled && this.#entries.delete(key));
      entry = compiled;
    }
    for (const evicted of moveToEnd(this.#entries, key, entry)) {
      evicted.evicted = true;
      discard(evicted);
    }
    return entry;
  }

  async #compile(images: number, size: readonly [number, number] | undefined): Promise<DetectionPipeline> {
    const { session: first } = this.#first;
    const { graph, contract } = size ? await this.#modelAt(size) : this.#model;
    const session = await createBatchSession(graph, images, first.device, first.cache, {
      precision: this.#options.precision,
      disable: this.#options.disable,
      kernels: this.#options.chooser?.kernels,
      borrow: (plan) => weightsOf(first, plan),
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
