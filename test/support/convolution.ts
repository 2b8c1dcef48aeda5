import { expect } from 'vitest';
import { upsampleOf } from '../../engine/graph/epilogue.ts';
import { elementCount } from '../../engine/graph/indexing.ts';
import type { Conv2d } from '../../engine/graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../../engine/graph/ops/conv-transpose-2d.ts';
import { definitionOf } from '../../engine/graph/registry.ts';
import type { DenseTensor, Shape } from '../../engine/graph/types.ts';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { deviceProfile } from '../../engine/runtime/session.ts';
import { conv2dCandidates } from '../../shaders/conv-2d.ts';
import { type ConvolutionCandidate, type ConvolutionSpec, tensorOf } from '../../shaders/conv-candidate.ts';
import { convTranspose2dCandidates } from '../../shaders/conv-transpose-2d.ts';
import { packBias, packConvWeights, transposeWeights } from '../../shaders/conv-weights.ts';
import type { ElementType, FeatureMap, TensorView } from '../../shaders/kernel.ts';
import type { KernelDevice } from '../../shaders/kernel-device.ts';
import { Memory, runOnMemory } from './memory.ts';
import { randomTensor } from './tensors.ts';

/** A layer to test: the op, its shapes, and where its tensors lie. */
export interface LayerCase {
  readonly op: Conv2d | ConvTranspose2d;
  readonly batch?: number;
  readonly input: readonly [channels: number, height: number, width: number];
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  /** Each feature map is a slice of a larger one: other channels lie before and after those of each pixel. */
  readonly sliced?: boolean;
  /** How input, weights, residual and output are stored. */
  readonly elements?: readonly [ElementType, ElementType, ElementType, ElementType];
  /** Which of them lies in the allocation that the output is written to, behind it. */
  readonly shared?: 'input' | 'residual';
}

/** A layer with random tensors, what must come out of it, and how far from that each element may be. */
export interface Layer {
  readonly layer: LayerCase;
  /** Input, weight, bias and the residual if there is one, as precisely as they are stored. */
  readonly tensors: readonly DenseTensor[];
  readonly expected: DenseTensor;
  readonly bounds: readonly number[];
  /** What each element would be if no term cancelled another. */
  readonly magnitudes: ArrayLike<number>;
}

const DEFAULTS = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1, epilogue: [] } as const;

export function convolution(attributes: Partial<Omit<Conv2d, 'type'>> = {}): Conv2d {
  return { type: 'conv2d', ...DEFAULTS, ...attributes };
}

export function transposedConvolution(attributes: Partial<Omit<ConvTranspose2d, 'type'>> = {}): ConvTranspose2d {
  return { type: 'convTranspose2d', ...DEFAULTS, outputPadding: [0, 0], ...attributes };
}

export function randomLayer(layer: LayerCase, seed: number): Layer {
  const { op, batch = 1, input, outChannels, kernel } = layer;
  const [inputElement, weightElement, residualElement, outputElement] = elementsOf(layer);
  const plain = { ...op, epilogue: [] };
  const weightShape = [
    ...(op.type === 'conv2d' ? [outChannels, input[0] / op.groups] : [input[0], outChannels / op.groups]),
    ...kernel,
  ];
  const sum = [
    stored(randomTensor(seed, [batch, ...input]), inputElement),
    stored(randomTensor(seed + 1, weightShape), weightElement),
    randomTensor(seed + 2, [outChannels]),
  ];
  const [{ shape }] = definitionOf(plain).infer(plain, sum);
  const residual = op.epilogue.some(({ name }) => name === 'addResidual')
    ? [stored(randomTensor(seed + 3, residualShape(op, shape)), residualElement)]
    : [];
  const tensors = [...sum, ...residual];
  const [expected] = definitionOf(op).reference(op, tensors);
  // Each of n products and sums rounds by at most 2^-24 of all the magnitudes that are added up. No function of the
  // epilogues here is steeper than 2.
  const [magnitudes] = definitionOf(plain).reference(
    plain,
    sum.map((tensor) => ({ ...tensor, data: Float64Array.from(tensor.data, Math.abs) })),
  );
  const terms = (input[0] / op.groups) * kernel[0] * kernel[1];
  const rounding = outputElement === 'f16' ? 2 ** -11 : 2 ** -24;
  const bounds = Array.from(magnitudes.data, (magnitude, i) => {
    return 2 * (terms + 8) * 2 ** -24 * (magnitude + 1) + rounding * (Math.abs(expected.data[i]) + 2 ** -12);
  });
  return { layer, tensors, expected, bounds, magnitudes: magnitudes.data };
}

type LayerShape = Pick<Layer, 'layer' | 'expected'>;

/** A layer without tensors, to ask for its candidates. */
export function layerShape(layer: LayerCase, outputShape: Shape): LayerShape {
  return { layer, expected: { kind: 'float', shape: outputShape, data: new Float32Array(0) } };
}

/** What kernels are built from. */
export function specOf({ layer, expected }: LayerShape): ConvolutionSpec {
  const { op, kernel } = layer;
  return { ...op, ...placesOf(layer, expected.shape), kernel, weightElement: elementsOf(layer)[1] };
}

export function candidatesOf(layer: LayerShape, device: KernelDevice): ConvolutionCandidate[] {
  const candidates = layer.layer.op.type === 'conv2d' ? conv2dCandidates : convTranspose2dCandidates;
  return candidates(specOf(layer), device);
}

/** Checks every candidate that a device of these traits has, or those whose name contains `part`. */
export async function checkCandidates(device: GPUDevice, layer: Layer, traits: KernelDevice, part = ''): Promise<void> {
  const candidates = candidatesOf(layer, traits).filter(({ name }) => name.includes(part));
  expect(candidates.length).toBeGreaterThan(0);
  for (const candidate of candidates) await checkCandidate(device, layer, candidate);
}

/** What kernels depend on, of the device of the tests; as a processor's device or as a graphics card's. */
export function kernelTraits(device: EngineDevice, software: boolean): KernelDevice {
  return { ...deviceProfile(device), software };
}

/** Runs a candidate and checks every element of the allocation that it writes. */
export async function checkCandidate(
  device: GPUDevice,
  { layer, tensors, expected, bounds, magnitudes }: Layer,
  candidate: ConvolutionCandidate,
): Promise<void> {
  const { input, output, residual } = placesOf(layer, expected.shape);
  const behind = layer.shared === undefined ? output : layer.shared === 'input' ? input : (residual ?? output);
  const target = new Memory(output.element, endOf(behind));
  const memoryOf = (name: 'input' | 'residual', map: FeatureMap, tensor: DenseTensor) => {
    const memory = layer.shared === name ? target : new Memory(map.element, endOf(map));
    return memory.write(viewOf(map), tensor);
  };
  const [x, weight, bias, added] = tensors;
  const memories = new Map([
    ['input', memoryOf('input', input, x)],
    ['weights', packedWeight(layer, weight, candidate)],
    ['bias', constant('f32', packBias(Array.from(bias.data)))],
    ...(residual ? [['residual', memoryOf('residual', residual, added)] as const] : []),
    ['output', target],
    ...(candidate.scratch ?? []).map(({ name, element, elements }) => [name, new Memory(element, elements)] as const),
  ]);
  const before = target.copy();
  for (const kernel of candidate.build()) {
    const bound = kernel.bindings.map((binding) => memories.get(tensorOf(binding)) as Memory);
    await runOnMemory(device, kernel, bound);
  }
  const found = target.read(viewOf(output));
  const { rounding = 1, scratch = [] } = candidate;
  // What several dispatches hand to each other is rounded too, and so are transformed weights.
  const handed = [...scratch.map(({ element }) => element), ...(scratch.length > 0 ? [elementsOf(layer)[1]] : [])];
  const between = handed.includes('f16') ? 2 ** -11 : 0;
  found.forEach((value, i) => {
    if (!(Math.abs(value - expected.data[i]) <= rounding * (bounds[i] + between * (magnitudes[i] + 1)))) {
      expect.fail(`${candidate.name}: element ${i} of [${expected.shape}] is ${value}, expected ${expected.data[i]}`);
    }
  });
  // The lanes up to a multiple of 4 are the kernel's; everything else is as it was.
  const lanes = { ...output, channels: Math.ceil(output.channels / 4) * 4 };
  expect(target.read(viewOf(lanes)).every(Number.isFinite), `${candidate.name}: unused lanes are finite`).toBe(true);
  const zeros = { data: new Float32Array(elementCount(viewOf(lanes).shape)) };
  expect(target.write(viewOf(lanes), zeros).elements).toEqual(before.write(viewOf(lanes), zeros).elements);
}

function elementsOf(layer: LayerCase): readonly [ElementType, ElementType, ElementType, ElementType] {
  return layer.elements ?? ['f32', 'f32', 'f32', 'f32'];
}

function placesOf(
  layer: LayerCase,
  outputShape: Shape,
): { input: FeatureMap; output: FeatureMap; residual?: FeatureMap } {
  const [inputElement, , residualElement, outputElement] = elementsOf(layer);
  const output = place(layer, outputShape, outputElement, 0);
  const from = (name: 'input' | 'residual') => (layer.shared === name ? endOf(output) : 0);
  const input = place(layer, [layer.batch ?? 1, ...layer.input], inputElement, from('input'));
  if (!layer.op.epilogue.some(({ name }) => name === 'addResidual')) return { input, output };
  return {
    input,
    output,
    residual: place(layer, residualShape(layer.op, outputShape), residualElement, from('residual')),
  };
}

function residualShape({ epilogue }: LayerCase['op'], outputShape: Shape): Shape {
  return outputShape.map((size, axis) => (axis < 2 ? size : size / upsampleOf(epilogue)));
}

function place({ sliced }: LayerCase, shape: Shape, element: ElementType, start: number): FeatureMap {
  const [batch, channels, height, width] = shape;
  const pixelStride = Math.ceil(channels / 4) * 4 + (sliced ? 12 : 0);
  const imageStride = (height * width + (sliced ? 3 : 0)) * pixelStride;
  return { element, batch, height, width, channels, offset: start + (sliced ? 8 : 0), imageStride, pixelStride };
}

/** Elements from the start of the allocation to the end of the map, what lies between its channels included. */
function endOf({ offset, batch, imageStride }: FeatureMap): number {
  return offset + batch * imageStride;
}

function viewOf({ element, batch, channels, height, width, offset, imageStride, pixelStride }: FeatureMap): TensorView {
  const strides = [imageStride, 1, width * pixelStride, pixelStride];
  return { element, shape: [batch, channels, height, width], strides, offset };
}

function packedWeight(
  { op, outChannels, kernel, input, elements }: LayerCase,
  weight: DenseTensor,
  candidate: ConvolutionCandidate,
): Memory {
  const shape = { outChannels, groupChannels: input[0] / op.groups, kernel };
  const data = op.type === 'conv2d' ? weight.data : transposeWeights(weight.data, shape, op.groups);
  return constant(elements?.[1] ?? 'f32', packConvWeights(candidate.weights, data, shape));
}

function constant(element: ElementType, data: Float32Array): Memory {
  const memory = new Memory(element, data.length);
  memory.elements = Float64Array.from(data);
  return memory;
}

/** The tensor as it is after it has been stored. */
function stored(tensor: DenseTensor, element: ElementType): DenseTensor {
  const view = { element, shape: [tensor.data.length], strides: [1], offset: 0 };
  return { ...tensor, data: Float64Array.from(new Memory(element, tensor.data.length).write(view, tensor).read(view)) };
}
