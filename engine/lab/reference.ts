import { throwIfAborted } from '../errors.ts';
import type { EpilogueStep } from '../graph/epilogue.ts';
import { elementCount } from '../graph/indexing.ts';
import { definitionOf } from '../graph/registry.ts';
import type { DenseTensor } from '../graph/types.ts';
import { type LabLayer, operatorOf, tensorTypes } from './layer.ts';
import { seededTensor } from './seeded-data.ts';

/** A layer with data, what must come out of it, and how far from that each element may be. */
export interface LayerProblem {
  readonly layer: LabLayer;
  /** Input, weight, bias, and the residual if there is one, in the graph's layout, as precisely as they are stored. */
  readonly tensors: readonly DenseTensor[];
  /** [N, C, H, W], computed in double precision by the operator's reference implementation. */
  readonly expected: Float64Array;
  /** For each element of `expected`, see `errorBound`. */
  readonly bounds: Float64Array;
}

export interface ProblemOptions {
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Multiplications between two pauses, in which a page can react. */
const CHUNK_PRODUCTS = 3e7;

/**
 * Computes what a layer makes of seeded data, in steps with pauses between them: a page stays responsive.
 * @throws AbortError
 */
export async function createProblem(layer: LabLayer, options: ProblemOptions = {}): Promise<LayerProblem> {
  const { seed = 1, signal, onProgress } = options;
  const op = operatorOf(layer);
  const { input, residual, weightElement, output, kernel } = layer.spec;
  const elements = [input.element, weightElement, 'f32', residual?.element ?? 'f32'] as const;
  const { inputs, output: type } = tensorTypes(layer);
  const tensors = inputs.map(({ shape }, index) => seededTensor(seed + index, shape, elements[index]));
  const expected = new Float64Array(elementCount(type.shape));
  const bounds = new Float64Array(expected.length);

  const plain = { ...op, epilogue: [] };
  const terms = layer.groupChannels * kernel[0] * kernel[1];
  const chunks = channelChunks(layer);
  for (const [index, [from, to]] of chunks.entries()) {
    const part = chunks.length === 1 ? tensors : channelsOf(tensors, from, to);
    const [result] = definitionOf(op).reference(op, part);
    const absolute = part.slice(0, 3).map((tensor) => ({ ...tensor, data: Float64Array.from(tensor.data, Math.abs) }));
    const [magnitudes] = definitionOf(plain).reference(plain, absolute);
    const partBounds = Float64Array.from(magnitudes.data, (magnitude, i) =>
      errorBound({ terms, magnitude, value: result.data[i], epilogue: op.epilogue, stored: output.element }),
    );
    writeChannels(expected, result, type.shape, from);
    writeChannels(bounds, { ...result, data: partBounds }, type.shape, from);
    onProgress?.(index + 1, chunks.length);
    await new Promise((resolve) => setTimeout(resolve, 0));
    throwIfAborted(signal, 'computing what the layer must give');
  }
  return { layer, tensors, expected, bounds };
}

export interface ErrorBoundInput {
  /** Products in the sum of an element. */
  readonly terms: number;
  /** The sum of their magnitudes and the bias's. */
  readonly magnitude: number;
  /** The exact result. */
  readonly value: number;
  readonly epilogue: readonly EpilogueStep[];
  readonly stored: 'f32' | 'f16' | 'i32' | 'u32';
}

/**
 * How far an element may be from the exact result. Whatever the order of a sum of n products in float32, each product and
 * each partial sum is rounded by at most 2^-24 of the sum of all magnitudes (Higham, Accuracy and Stability of Numerical
 * Algorithms, section 3.1), so it is off by at most 2 n 2^-24 of that; eight more terms allow for the epilogue's own
 * arithmetic. The steps of the epilogue pass the error on, and storing rounds once more.
 */
export function errorBound({ terms, magnitude, value, epilogue, stored }: ErrorBoundInput): number {
  const sum = (terms + 8) * 2 ** -23 * (magnitude + 1);
  const passed = epilogue.reduce(passError, sum);
  const rounding = stored === 'f16' ? 2 ** -11 : 2 ** -24;
  return passed + rounding * (Math.abs(value) + 2 ** -12);
}

/** By its largest slope, or where a function has steps by the height of one; smooth activations are no steeper than 2. */
function passError(error: number, step: EpilogueStep): number {
  switch (step.name) {
    case 'addResidual':
      return error + 2 ** -22 * Math.abs(step.scale);
    case 'leakyRelu':
    case 'elu':
      return error * Math.max(2, Math.abs(step.alpha));
    case 'quantize':
      return error / step.scale + 1;
    case 'dequantize':
      return error * step.scale;
    case 'round':
    case 'floor':
    case 'ceil':
      return error + 1;
    default:
      return error * 2;
  }
}

/** Ranges of output channels, each little enough work. The slices of grouped and transposed layers are not contiguous. */
function channelChunks({ operator, spec, flops }: LabLayer): [from: number, to: number][] {
  const { channels } = spec.output;
  if (operator !== 'conv2d' || spec.groups > 1) return [[0, channels]];
  const size = Math.max(1, Math.floor((CHUNK_PRODUCTS * channels) / (flops / 2)));
  return Array.from({ length: Math.ceil(channels / size) }, (_, i) => [i * size, Math.min(channels, (i + 1) * size)]);
}

/** The tensors that output channels `from` to `to` of an ungrouped convolution depend on. */
function channelsOf(tensors: readonly DenseTensor[], from: number, to: number): DenseTensor[] {
  const [input, weight, bias, residual] = tensors;
  const perChannel = elementCount(weight.shape.slice(1));
  return [
    input,
    {
      ...weight,
      shape: [to - from, ...weight.shape.slice(1)],
      data: weight.data.slice(from * perChannel, to * perChannel),
    },
    { ...bias, shape: [to - from], data: bias.data.slice(from, to) },
    ...(residual ? [readChannels(residual, from, to)] : []),
  ];
}

function readChannels(tensor: DenseTensor, from: number, to: number): DenseTensor {
  const [batch, channels, height, width] = tensor.shape;
  const plane = height * width;
  const data = new Float64Array(batch * (to - from) * plane);
  for (let image = 0; image < batch; image++) {
    const start = image * channels * plane;
    data.set(tensor.data.subarray(start + from * plane, start + to * plane), image * (to - from) * plane);
  }
  return { ...tensor, shape: [batch, to - from, height, width], data };
}

function writeChannels(target: Float64Array, part: DenseTensor, shape: readonly number[], from: number): void {
  const [batch, channels, height, width] = shape;
  const plane = height * width;
  const size = part.shape[1] * plane;
  for (let image = 0; image < batch; image++) {
    target.set(part.data.subarray(image * size, (image + 1) * size), (image * channels + from) * plane);
  }
}
