import { parseModel } from '../../loader/load.ts';
import type { ModelFile } from '../../loader/model-file.ts';
import type { ModelSource } from '../../loader/read.ts';
import type { ContractOverrides } from '../../models/contract.ts';
import type { InputSize } from '../../models/input-size.ts';
import { buildModel, type Model } from '../../models/model.ts';
import { separateHead } from '../../models/separate-head.ts';
import { InvalidArgumentError, throwIfAborted } from '../errors.ts';
import type { PassReport } from '../passes/run-passes.ts';
import { optimize } from './optimize.ts';
import { platform } from './platform.ts';

/** How far loading has come: bytes of the model, layers tuned, kernels compiled. The total isn't always known. */
export interface LoadProgress {
  readonly stage: 'read' | 'tune' | 'compile';
  readonly done: number;
  readonly total?: number;
}

export interface ReadModelOptions {
  /** The weights, where the model's file holds the structure only (Darknet). */
  readonly weights?: ModelSource;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface OpenModelOptions extends ReadModelOptions {
  /** Names by class number, instead of the file's. */
  readonly labels?: readonly string[];
  /** Pixels, a multiple of the stride; for networks that leave it open. Default: what the file prefers, or 640. */
  readonly inputSize?: InputSize;
  /** What the caller knows better than the file about preprocessing, outputs and defaults. */
  readonly contract?: ContractOverrides;
  /** Names of graph passes to leave out, to see what they bring. */
  readonly disablePasses?: readonly string[];
}

/** A detector that can be had for other sizes of input. */
export interface ResizableModel extends Model {
  /**
   * The same network for another size; absent where only its graph is known.
   * @throws InvalidArgumentError where the network doesn't take that size
   */
  resize?(inputSize: InputSize): Promise<Model>;
}

export interface OpenedModel extends ResizableModel {
  readonly passes: readonly PassReport[];
}

/** Reads and parses a model file; without a source, that of the network that comes with the package. */
export async function readModel(
  source: ModelSource | undefined,
  { weights, signal, onProgress }: ReadModelOptions,
): Promise<ModelFile> {
  const {
    bytes,
    source: name,
    external,
  } = await platform().readModel(source ?? platform().defaultModel(), {
    signal,
    onProgress: ({ loadedBytes, totalBytes }) => onProgress?.({ stage: 'read', done: loadedBytes, total: totalBytes }),
  });
  throwIfAborted(signal, `Loading ${name}`);
  const file = await parseModel(bytes, name, { external });
  if (weights !== undefined) {
    throw new InvalidArgumentError(`${name} holds its weights itself: leave out the option weights`);
  }
  return file;
}

/**
 * From a file to an optimised graph and its contract.
 * @throws ModelReadError, ModelFormatError, UnsupportedModelError, InvalidArgumentError, ModuleLoadError, AbortError
 */
export async function openModel(source: ModelSource | undefined, options: OpenModelOptions = {}): Promise<OpenedModel> {
  const file = await readModel(source, options);
  const { labels = options.contract?.labels, contract, disablePasses } = options;
  const build = async (inputSize: InputSize | undefined) => {
    const model = separateHead(await buildModel(file, { ...contract, labels, inputSize }));
    const { graph, report } = await optimize(file, model.graph, disablePasses);
    return { graph, contract: model.contract, passes: report };
  };
  const model = await build(options.inputSize);
  throwIfAborted(options.signal, `Loading ${file.source}`);
  return { ...model, resize: build };
}
