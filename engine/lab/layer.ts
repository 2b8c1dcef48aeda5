import { type ConvolutionSpec, convolutionKey } from '../../shaders/conv-candidate.ts';
import { bytesPerElement, type ElementType, type FeatureMap } from '../../shaders/kernel.ts';
import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../graph/ops/conv-transpose-2d.ts';
import { definitionOf } from '../graph/registry.ts';
import type { Graph, Shape, TensorType } from '../graph/types.ts';
import { assignPrecision, type FloatPrecision } from '../passes/assign-precision.ts';
import { compilePlan } from '../plan/compile.ts';
import { rulesFor } from '../plan/lowering-rules.ts';
import { planSwitches } from '../plan/options.ts';
import type { ConvolutionLayer } from '../plan/plan.ts';
import type { EngineDevice } from '../runtime/device.ts';
import { deviceProfile, loadKernels } from '../runtime/session.ts';
import { formatLayer } from './layer-text.ts';

/** A convolution layer by itself, out of any network: what kernels are checked and timed on. */
export interface LabLayer extends Pick<ConvolutionLayer, 'key' | 'operator' | 'spec' | 'groupChannels'> {
  /** The layer as a line of text, see `parseLayer`. */
  readonly text: string;
  /** Multiply and add count as two. */
  readonly flops: number;
  /** Input, weights, bias, residual and output once each, with channels filled up to multiples of 4. */
  readonly bytes: number;
}

/** A layer of a network, and how many of its convolutions have the same key. */
export interface NetworkLayer extends LabLayer {
  readonly count: number;
  /** All of them together, of the FLOPs of all convolutions of the network: 0..1. */
  readonly flopShare: number;
  /** The candidate that runs it where nothing was measured. */
  readonly chosen: string;
}

export function labLayer(layer: Pick<ConvolutionLayer, 'operator' | 'spec' | 'groupChannels'>): LabLayer {
  const { operator, spec, groupChannels } = layer;
  const op = operatorOf(layer);
  const { inputs, output } = tensorTypes(layer);
  return {
    operator,
    spec,
    groupChannels,
    key: convolutionKey(operator, spec),
    text: formatLayer(layer),
    flops: definitionOf(op).cost(op, inputs, [output]).flops,
    bytes: leastBytes(spec, groupChannels),
  };
}

/**
 * The convolutions of a network as a device would run them, each key once, in the order of the network.
 * @throws UnsupportedModelError, OutOfMemoryError, ModuleLoadError
 */
export async function networkLayers(
  graph: Graph,
  device: EngineDevice,
  precision: FloatPrecision,
): Promise<NetworkLayer[]> {
  await loadKernels(device);
  const [assigned, rules] = [assignPrecision(graph, precision), await rulesFor(graph)];
  const { layers } = compilePlan(graph, assigned, deviceProfile(device), planSwitches(), {}, rules);
  const counts = new Map<string, number>();
  for (const { key } of layers) counts.set(key, (counts.get(key) ?? 0) + 1);
  const distinct = layers
    .filter(({ key }, index) => layers.findIndex((other) => other.key === key) === index)
    .map((layer) => ({ ...labLayer(layer), chosen: layer.chosen, count: counts.get(layer.key) ?? 1 }));
  const total = distinct.reduce((sum, { flops, count }) => sum + flops * count, 0);
  return distinct.map((layer) => ({ ...layer, flopShare: (layer.flops * layer.count) / total }));
}

/** The graph's operator that a layer is. */
export function operatorOf({ operator, spec }: Pick<ConvolutionLayer, 'operator' | 'spec'>): Conv2d | ConvTranspose2d {
  const { strides, pads, dilations, groups, epilogue } = spec;
  const attributes = { strides, pads, dilations, groups, epilogue };
  if (operator === 'conv2d') return { type: operator, ...attributes };
  const added = (axis: 0 | 1) => {
    const [input, output] = [spec.input, spec.output].map(({ height, width }) => (axis === 0 ? height : width));
    const spread = (input - 1) * strides[axis] + dilations[axis] * (spec.kernel[axis] - 1) + 1;
    return output - (spread - pads[axis] - pads[axis + 2]);
  };
  return { type: operator, ...attributes, outputPadding: [added(0), added(1)] };
}

/** Types of input, weight, bias and residual (where there is one) in the graph's layout, and of the output. */
export function tensorTypes({
  operator,
  spec,
  groupChannels,
}: Pick<ConvolutionLayer, 'operator' | 'spec' | 'groupChannels'>): {
  readonly inputs: readonly TensorType[];
  readonly output: TensorType;
} {
  const { input, output, residual, groups, kernel } = spec;
  const float = (shape: Shape): TensorType => ({ kind: 'float', shape });
  const weight = operator === 'conv2d' ? [output.channels, groupChannels] : [input.channels, output.channels / groups];
  return {
    inputs: [
      float(shapeOf(input)),
      float([...weight, ...kernel]),
      float([output.channels]),
      ...(residual ? [float(shapeOf(residual))] : []),
    ],
    output: float(shapeOf(output)),
  };
}

/** [N, C, H, W]. */
export function shapeOf({ batch, channels, height, width }: FeatureMap): Shape {
  return [batch, channels, height, width];
}

/** Of the elements, lanes up to a multiple of 4 channels included. */
export function mapBytes({ batch, channels, height, width, element }: FeatureMap): number {
  return batch * height * width * Math.ceil(channels / 4) * 4 * bytesPerElement(element);
}

function leastBytes(spec: ConvolutionSpec, groupChannels: number): number {
  const { input, output, residual, weightElement, kernel } = spec;
  const maps = [input, output, ...(residual ? [residual] : [])].reduce((sum, map) => sum + mapBytes(map), 0);
  const weights = output.channels * groupChannels * kernel[0] * kernel[1] * bytesPerElement(weightElement);
  return maps + weights + output.channels * bytesPerElement('f32' satisfies ElementType);
}
