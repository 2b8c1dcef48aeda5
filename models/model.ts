import { InvalidArgumentError, UnsupportedModelError } from '../engine/errors.ts';
import type { Graph } from '../engine/graph/types.ts';
import type { ModelFile } from '../loader/model-file.ts';
import { buildOnnxDetector } from './onnx/detector.ts';
import { type ImportOptions, importOnnx } from './onnx/import.ts';
import type { Model, ModelOptions } from './types.ts';
import { buildYoloNas } from './yolo-nas.ts';

export type { Model, ModelOptions } from './types.ts';

/**
 * The detector in a file.
 * @throws UnsupportedModelError where the file holds none, or one that the engine can't run (listing every reason)
 * @throws ModelFormatError where it contradicts itself
 * @throws InvalidArgumentError where the options don't fit it
 */
export function buildModel(file: ModelFile, options: ModelOptions = {}): Model {
  return file.format === 'onnx' ? buildOnnxDetector(file, options) : familyBuilder(file)(file, options);
}

/**
 * The graph in a file, whatever it computes; of a format without graphs, that of the detector in it.
 * @throws as `buildModel`
 */
export function buildGraph(file: ModelFile, options: ImportOptions = {}): Graph {
  if (file.format === 'onnx') return importOnnx(file, options);
  const build = familyBuilder(file);
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
function familyBuilder({ format, metadata, source }: ModelFile): (file: ModelFile, options: ModelOptions) => Model {
  if (format !== 'safetensors') {
    throw new UnsupportedModelError(`${source}: building a network from a ${format} file is not supported`);
  }
  const family = metadata.get('family');
  if (family === 'yolo-nas') return buildYoloNas;
  const stated = family === undefined ? 'name no family' : `name the family "${family}"`;
  throw new UnsupportedModelError(`${source}: its metadata ${stated}; networks are built for the family "yolo-nas"`);
}
