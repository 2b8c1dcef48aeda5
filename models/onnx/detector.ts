import { InvalidArgumentError, ModelFormatError, UnsupportedModelError } from '../../engine/errors.ts';
import type { Graph } from '../../engine/graph/types.ts';
import type { FileGraph, FileValue, ModelFile } from '../../loader/model-file.ts';
import type { Contract } from '../contract.ts';
import { identifyContract } from '../identify.ts';
import { chooseInputSize, DEFAULT_INPUT_SIZE } from '../input-size.ts';
import { readMetadata } from '../metadata.ts';
import type { Model, ModelOptions } from '../types.ts';
import { cutSuppression } from './cut-suppression.ts';
import { type ImportOptions, importOnnx } from './import.ts';
import { describeDims } from './input-shapes.ts';

/** Pixels; the stride of the coarsest level of nearly every family, where the file states none. */
const DEFAULT_STRIDE = 32;

/** The detector in an ONNX file: its graph without what would suppress boxes, and its contract. */
export function buildOnnxDetector(file: ModelFile, options: ModelOptions = {}): Model {
  const { source } = file;
  const whole = requireNetwork(file);
  const metadata = readMetadata(file, !options.labels);
  const cut = cutSuppression(file, whole);
  const image = imageInput(source, cut?.graph ?? whole);
  const [batch, , height, width] = image.dims;
  const stride = metadata.stride ?? DEFAULT_STRIDE;
  const size = chooseInputSize(options.inputSize, {
    source,
    fixed: [fixedSize(width), fixedSize(height)],
    preferred: metadata.inputSize ?? [DEFAULT_INPUT_SIZE, DEFAULT_INPUT_SIZE],
    stride,
  });
  const images = options.batch ?? (typeof batch === 'number' ? batch : 1);
  const inputShapes = { [image.name]: [images, 3, size[1], size[0]] };
  const imported = importAt(size, options, { ...file, graph: cut?.graph ?? whole }, { inputShapes });
  const input = { name: image.name, width: size[0], height: size[1] };
  const normalizes = image.type === 'uint8' || startsWithScale(imported);
  const contract = identifyContract(file, imported, { metadata, stride, input, normalizes, cut }, options);
  return { graph: keepOutputs(imported, contract), contract };
}

/** Some exporters leave the size open in a graph whose constants, such as grids of anchors, are made for one. */
function importAt(
  size: readonly [number, number],
  { inputSize }: ModelOptions,
  file: ModelFile,
  importOptions: ImportOptions,
): Graph {
  try {
    return importOnnx(file, importOptions);
  } catch (error) {
    if (inputSize === undefined || !(error instanceof ModelFormatError)) throw error;
    throw new InvalidArgumentError(
      `${file.source} can't be run at ${size.join('x')}: ${error.message} (its graph may be made for one size only)`,
      { cause: error },
    );
  }
}

function requireNetwork({ graph, source }: ModelFile): FileGraph {
  const convolves = graph?.nodes.some(({ operator }) => operator.includes('Conv'));
  if (graph && convolves) return graph;
  throw new UnsupportedModelError(
    `${source} has no network in it (no convolution), only what comes before or after one: it can't detect by itself`,
  );
}

/** The graph's one input, an image batch [N, 3, H, W]. */
function imageInput(source: string, graph: FileGraph): FileValue {
  const [image, ...others] = graph.inputs;
  const described = graph.inputs.map(({ name, dims }) => `"${name}" ${describeDims(dims)}`).join(', ');
  const channels = image?.dims[1];
  const fits = image?.dims.length === 4 && (channels === 3 || typeof channels === 'string');
  if (fits && others.length === 0) return image;
  throw new UnsupportedModelError(
    `${source} takes ${described || 'no input'}; a detector takes one batch of images, Nx3xHxW`,
  );
}

function fixedSize(dim: number | string): number | undefined {
  return typeof dim === 'number' ? dim : undefined;
}

/** Whether the first thing that happens to the input is the scaling of bytes to 0..1. */
function startsWithScale({ inputs: [image], nodes }: Graph): boolean {
  const readers = nodes.filter((node) => node.inputs.includes(image));
  const [reader] = readers;
  if (readers.length !== 1 || reader.op.type !== 'binary') return false;
  const [x, factor] = reader.inputs;
  if (x !== image || factor.constant?.length !== 1) return false;
  const scale = reader.op.function === 'divide' ? 1 / factor.constant[0] : factor.constant[0];
  return /multiply|divide/.test(reader.op.function) && Math.abs(scale * 255 - 1) < 1e-3;
}

/** Leaves out outputs that detection doesn't read, such as the raw maps that some exports return beside the boxes. */
function keepOutputs(graph: Graph, { head }: Contract): Graph {
  const slices = head.kind === 'endToEnd' ? [head.detections] : [head.boxes, head.scores, head.objectness];
  const read = new Set(slices.map((slice) => slice?.output));
  return { ...graph, outputs: graph.outputs.filter(({ name }) => read.has(name)) };
}
