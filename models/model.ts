import { InvalidArgumentError, UnsupportedModelError } from '../engine/errors.ts';
import type { Graph } from '../engine/graph/types.ts';
import { loadPart } from '../engine/load-part.ts';
import type { ModelFile } from '../loader/model-file.ts';
import type { ImportOptions } from './onnx/import.ts';
import type { Model, ModelOptions } from './types.ts';

export type { Model, ModelOptions } from './types.ts';

/**
 * The detector in a file.
 * @throws UnsupportedModelError where the file holds none, or one that the engine can't run (listing every reason)
 * @throws ModelFormatError where it contradicts itself
 * @throws InvalidArgumentError where the options don't fit it
 * @throws ModuleLoadError where what builds such models can't be loaded
 */
export async function buildModel(file: ModelFile, options: ModelOptions = {}): Promise<Model> {
  if (file.format === 'onnx') {
    const { buildOnnxDetector } = await loadPart('ONNX graphs', () => import('./onnx/detector.ts'));
    return buildOnnxDetector(file, options);
  }
  const build = await familyBuilder(file);
  return build(file, options);
}

/**
 * The graph in a file, whatever it computes; of a format without graphs, that of the detector in it.
 * @throws as `buildModel`
 */
export async function buildGraph(file: ModelFile, options: ImportOptions = {}): Promise<Graph> {
  if (file.format === 'onnx') {
    const { importOnnx } = await loadPart('ONNX graphs', () => import('./onnx/import.ts'));
    return importOnnx(file, options);
  }
  const build = await familyBuilder(file);
  const shapes = Object.entries(options.inputShapes ?? {});
  if (shapes.length === 0 && !options.outputs) return build(file, {}).graph;
  const [[name, shape]] = shapes.length > 0 ? shapes : [['', []]];
  if (shapes.length !== 1 || shape.length !== 4 || shape[1] !== 3 || options.outputs) {
    throw new InvalidArgumentError(`${file.source} takes one input Nx3xHxW and has fixed outputs`);
  }
  const { graph } = build(file, { batch: shape[0], inputSize: [shape[3], shape[2]] });
  if (graph.inputs[0].name === name) return graph;
  throw new InvalidArgumentError(`${file.source} has no input "${name}"; its input is "${graph.inputs[0].name}"`);
}

/** How the tensors of a format without graphs become a network: by the family that the metadata name. */
async function familyBuilder({
  format,
  metadata,
  source,
}: ModelFile): Promise<(file: ModelFile, options: ModelOptions) => Model> {
  if (format !== 'safetensors') {
    throw new UnsupportedModelError(`${source}: building a network from a ${format} file is not supported`);
  }
  const family = metadata.get('family');
  if (family === 'yolo-nas') {
    const { buildYoloNas } = await loadPart('YOLO-NAS', () => import('./yolo-nas.ts'));
    return buildYoloNas;
  }
  const stated = family === undefined ? 'name no family' : `name the family "${family}"`;
  throw new UnsupportedModelError(`${source}: its metadata ${stated}; networks are built for the family "yolo-nas"`);
}
