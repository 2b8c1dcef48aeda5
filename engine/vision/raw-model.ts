import type { ModelSource } from '../../loader/read.ts';
import { loadPart } from '../load-part.ts';
import type { CheckedModel, GraphOptions, LoadedModel, LoadModelOptions } from './load-model.ts';

/** Graphs with raw tensors in and out, for callers who want more than boxes: loaded when first asked for. */

/**
 * Reads a model and compiles it for no device: says whether it would run.
 * @throws ModelReadError, ModelFormatError, UnsupportedModelError (listing every reason), InvalidArgumentError,
 *   ModuleLoadError, AbortError
 */
export async function checkModel(source: ModelSource | undefined, options: GraphOptions = {}): Promise<CheckedModel> {
  return (await rawTensors()).checkModel(source, options);
}

/**
 * Reads a model and compiles it for a device.
 * @throws as `checkModel`, and DeviceUnavailableError, OutOfMemoryError
 */
export async function loadModel(source: ModelSource | undefined, options: LoadModelOptions = {}): Promise<LoadedModel> {
  return (await rawTensors()).loadModel(source, options);
}

function rawTensors() {
  return loadPart('raw tensors', () => import('./load-model.ts'));
}
