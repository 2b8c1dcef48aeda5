import type { FileValue, ModelFile, StoredType } from '../../loader/model-file.ts';
import type { ModelSource } from '../../loader/read.ts';
import type { Contract } from '../../models/contract.ts';
import { DEFAULT_INPUT_SIZE, type InputSize, sidesOf } from '../../models/input-size.ts';
import { buildGraph, buildModel, type Model } from '../../models/model.ts';
import { InvalidArgumentError, UnsupportedModelError } from '../errors.ts';
import { elementCount } from '../graph/indexing.ts';
import type { Graph, Shape } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import type { PassReport } from '../passes/run-passes.ts';
import type { Plan } from '../plan/plan.ts';
import type { TuningTable } from '../plan/tuning-table.ts';
import { type AdapterReport, type EngineDevice, releaseDevice } from '../runtime/device.ts';
import { PipelineCache } from '../runtime/dispatch.ts';
import { Network } from '../runtime/network.ts';
import { choosePrecision, type Precision } from '../runtime/precision.ts';
import type { KernelProfile } from '../runtime/profile.ts';
import { createSession, type SessionOptions } from '../runtime/session.ts';
import type { RunStages } from '../runtime/stages.ts';
import type { RawTensor } from '../runtime/tensor.ts';
import { type KernelChoiceOptions, type KernelChooser, kernelChooser } from './kernel-options.ts';
import { type ReadModelOptions, readModel } from './open-model.ts';
import { isPlanSwitch, optimize } from './optimize.ts';
import { deviceFor } from './platform.ts';

export interface GraphOptions extends ReadModelOptions {
  /** Shapes of inputs whose dimensions the file leaves open. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** Width and height for open dimensions of image inputs [N, 3, H, W]; default 640. */
  readonly inputSize?: InputSize;
  /** Images at a time; default 1. A graph that its file fixes to one image is rewritten for more. */
  readonly batch?: number;
  /**
   * Find out what detector the file holds, and where it does, take as much of the graph as detecting needs: what would only
   * suppress boxes is left out. Default false: the graph as it is.
   */
  readonly identify?: boolean;
  /** Optimisations to leave out by name: graph passes, and switches of the planner. */
  readonly disable?: readonly string[];
}

export interface LoadModelOptions extends GraphOptions, Pick<KernelChoiceOptions, 'tune' | 'kernels'> {
  readonly device?: EngineDevice | GPUDevice;
  /** Default 'auto': float16 on a GPU that has it, else float32. */
  readonly precision?: Precision;
}

/** A graph that would run, and what it would be used for. */
export interface CheckedModel {
  readonly graph: Graph;
  /** What makes it a detector, if that was asked for; absent where it is some other graph. */
  readonly contract: Contract | undefined;
  readonly passes: readonly PassReport[];
  /** The graph's inputs with the types that the file states. */
  readonly inputs: readonly ModelInput[];
}

export interface ModelInput {
  readonly name: string;
  readonly type: StoredType;
  readonly dims: Shape;
}

/**
 * Reads a model and compiles it for no device: says whether it would run.
 * @throws ModelReadError, ModelFormatError, UnsupportedModelError (listing every reason), InvalidArgumentError,
 *   ModuleLoadError, AbortError
 */
export async function checkModel(source: ModelSource | undefined, options: GraphOptions = {}): Promise<CheckedModel> {
  const { single, ...model } = await prepareModel(source, options);
  return model;
}

/** `single`: the graph for one image, where it was rewritten for more. */
async function prepareModel(
  source: ModelSource | undefined,
  options: GraphOptions,
): Promise<CheckedModel & { readonly single?: Graph }> {
  const file = await readModel(source, options);
  const { batch = 1, inputShapes } = options;
  const taken = inputShapes ? undefined : batchOf(file);
  if (batch === 1 || taken === undefined) return importModel(file, options);
  const model = await importModel(file, { ...options, batch: undefined });
  const { setBatch } = await loadBatches();
  try {
    const graph = setBatch(model.graph, batch);
    return { ...model, graph, single: model.graph, inputs: inputsOf(file, graph) };
  } catch (error) {
    // What can't be rewritten may have been exported for any batch.
    if (taken === 'open' && error instanceof UnsupportedModelError) return importModel(file, options);
    throw error;
  }
}

async function importModel(file: ModelFile, options: GraphOptions): Promise<CheckedModel> {
  const detector = options.identify ? await detectorIn(file, options) : undefined;
  const imported = detector?.graph ?? (await importGraph(file, options));
  const { graph, report } = await optimize(
    file,
    imported,
    options.disable?.filter((name) => !isPlanSwitch(name)),
  );
  return { graph, contract: detector?.contract, passes: report, inputs: inputsOf(file, graph) };
}

function inputsOf(file: ModelFile, { inputs }: Graph): ModelInput[] {
  const types = new Map(file.graph?.inputs.map(({ name, type }) => [name, type]));
  return inputs.map(({ name, shape }) => ({ name, type: types.get(name) ?? 'float32', dims: shape }));
}

/** Whether a file says that it takes one image, or leaves open how many. Undefined where it takes something else. */
function batchOf({ graph }: ModelFile): 'one' | 'open' | undefined {
  const batches = graph?.inputs.filter(({ dims }) => dims.length === 4).map(({ dims }) => dims[0]) ?? ['any'];
  if (batches.length === 0) return undefined;
  if (batches.every((images) => images === 1)) return 'one';
  return batches.every((images) => typeof images === 'string') ? 'open' : undefined;
}

function loadBatches() {
  return loadPart('batches', () => import('./batch-part.ts'));
}

/** Any supported graph, with raw tensors in and out. */
export class LoadedModel {
  readonly graph: Graph;
  /** See `CheckedModel`. */
  readonly contract: Contract | undefined;
  readonly passes: readonly PassReport[];
  readonly inputs: readonly ModelInput[];
  readonly precision: FloatPrecision;
  readonly adapter: AdapterReport;
  readonly #network: Network;
  readonly #chooser: KernelChooser | undefined;
  readonly #release: () => void;

  constructor(
    model: CheckedModel,
    network: Network,
    precision: FloatPrecision,
    chooser: KernelChooser | undefined,
    release: () => void,
  ) {
    this.graph = model.graph;
    this.contract = model.contract;
    this.passes = model.passes;
    this.inputs = model.inputs;
    this.precision = precision;
    this.adapter = network.session.device.adapter;
    this.#network = network;
    this.#chooser = chooser;
    this.#release = release;
  }

  /** Dispatches and memory. */
  get plan(): Plan {
    return this.#network.session.plan;
  }

  /** What is known of its layers on this adapter, where it was loaded with tuning. */
  get tuning(): TuningTable | undefined {
    return this.#chooser?.tuning;
  }

  /** Numbers that were learned, after folding. */
  get parameterCount(): number {
    const weights = this.graph.nodes.flatMap(({ op, inputs }) =>
      op.type === 'conv2d' || op.type === 'convTranspose2d' ? inputs.slice(1, 3) : [],
    );
    return [...new Set(weights)].reduce((total, { shape }) => total + elementCount(shape), 0);
  }

  /**
   * Runs the graph once: a row-major tensor for every input, one back for every output.
   * @throws InvalidArgumentError, AbortError, DeviceLostError
   */
  run(inputs: Readonly<Record<string, RawTensor>>, signal?: AbortSignal): Promise<Record<string, RawTensor>> {
    return this.#network.run(inputs, signal);
  }

  /** GPU time, FLOPs, bytes and share of the roofline of every dispatch. Needs timestamp queries. */
  profile(inputs: Readonly<Record<string, RawTensor>>, repeats?: number): Promise<KernelProfile[]> {
    return this.#network.profile(inputs, repeats);
  }

  /** What the stages of a run take, uploading to readback: the medians of `repeats` runs. */
  stages(inputs: Readonly<Record<string, RawTensor>>, repeats?: number): Promise<RunStages> {
    return this.#network.stages(inputs, repeats);
  }

  dispose(): void {
    this.#network.dispose();
    this.#release();
  }
}

/**
 * Reads a model and compiles it for a device.
 * @throws as `checkModel`, and DeviceUnavailableError, OutOfMemoryError
 */
export async function loadModel(source: ModelSource | undefined, options: LoadModelOptions = {}): Promise<LoadedModel> {
  const { single, ...model } = await prepareModel(source, options);
  const { device, ours } = await deviceFor(options.device);
  const release = () => ours && releaseDevice(device);
  try {
    const precision = choosePrecision(options.precision ?? 'auto', device);
    const disable = options.disable?.filter(isPlanSwitch);
    const chooser = await kernelChooser({ ...options, disable }, device);
    const sessionOptions: SessionOptions = {
      precision,
      disable,
      kernels: chooser?.kernels,
      choose: chooser?.choose,
      onProgress: (done, total) => options.onProgress?.({ stage: 'compile', done, total }),
    };
    const cache = new PipelineCache(device.device);
    const session = single
      ? await (await loadBatches()).createBatchSession(single, options.batch ?? 1, device, cache, sessionOptions)
      : await createSession(model.graph, device, cache, sessionOptions);
    const network = await Network.over(session);
    return new LoadedModel(model, network, precision, chooser, release);
  } catch (error) {
    release();
    throw error;
  }
}

async function importGraph(file: ModelFile, options: GraphOptions): Promise<Graph> {
  const { inputShapes, inputSize, batch } = options;
  if (inputShapes) return buildGraph(file, { inputShapes });
  if (file.graph) return buildGraph(file, { inputShapes: openShapes(file.source, file.graph.inputs, options) });
  return (await buildModel(file, { inputSize, batch })).graph;
}

/**
 * Shapes for image inputs that leave dimensions open; anything else has to be stated.
 * @throws InvalidArgumentError where the caller asks for a size that an image input doesn't have
 */
function openShapes(
  source: string,
  inputs: readonly FileValue[],
  { inputSize, batch }: GraphOptions,
): Readonly<Record<string, Shape>> {
  const [width, height] = sidesOf(source, inputSize ?? DEFAULT_INPUT_SIZE);
  const asked = inputSize === undefined ? [batch] : [batch, undefined, height, width];
  const images = inputs.filter(({ dims }) => dims.length === 4);
  for (const { name, dims } of images) {
    if (asked.every((size, axis) => size === undefined || typeof dims[axis] === 'string' || dims[axis] === size))
      continue;
    throw new InvalidArgumentError(
      `${source}: input "${name}" is fixed to ${dims.join('x')}; export it with dynamic axes to choose`,
    );
  }
  const shapeOf = ({ dims }: FileValue) =>
    [batch ?? 1, 3, height, width].map((size, axis) => (typeof dims[axis] === 'number' ? dims[axis] : size));
  const open = images.filter(({ dims }) => dims.some((dim) => typeof dim === 'string'));
  return Object.fromEntries(open.map((input) => [input.name, shapeOf(input)]));
}

/** Undefined where the file holds some other graph. What a detector needs and can't have is thrown. */
async function detectorIn(file: ModelFile, { inputSize, batch }: GraphOptions): Promise<Model | undefined> {
  try {
    return await buildModel(file, { inputSize, batch });
  } catch (error) {
    if (error instanceof UnsupportedModelError && error.features.length === 0) return undefined;
    throw error;
  }
}
