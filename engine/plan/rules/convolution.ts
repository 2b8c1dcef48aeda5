import { conv2dCandidates } from '../../../shaders/conv-2d.ts';
import {
  type ConvolutionCandidate,
  type ConvolutionSpec,
  chooseCandidate,
  convolutionKey,
  tensorOf,
} from '../../../shaders/conv-candidate.ts';
import { convTranspose2dCandidates } from '../../../shaders/conv-transpose-2d.ts';
import { packBias, packConvWeights, packedWeightSize, transposeWeights } from '../../../shaders/conv-weights.ts';
import { bytesPerElement, type ElementType } from '../../../shaders/kernel.ts';
import type { KernelDevice } from '../../../shaders/kernel-device.ts';
import { UnsupportedModelError } from '../../errors.ts';
import type { Conv2d } from '../../graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../../graph/ops/conv-transpose-2d.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Lowering, MapTensor, Tensor } from '../lowering.ts';
import type { DeviceProfile } from '../options.ts';

export function lowerConv2d(lowering: Lowering, node: Node<Conv2d>): void {
  const [, weight] = node.inputs;
  const [outChannels, groupChannels, height, width] = weight.shape;
  lowerConvolution(lowering, node, {
    outChannels,
    groupChannels,
    kernel: [height, width],
    elements: () => constantOf(weight, node),
  });
}

export function lowerConvTranspose2d(lowering: Lowering, node: Node<ConvTranspose2d>): void {
  const [, weight] = node.inputs;
  const { groups } = node.op;
  const [inChannels, groupOutputs, height, width] = weight.shape;
  const shape = {
    outChannels: groupOutputs * groups,
    groupChannels: inChannels / groups,
    kernel: [height, width],
  } as const;
  lowerConvolution(lowering, node, {
    ...shape,
    elements: () => transposeWeights(constantOf(weight, node), shape, groups),
  });
}

/** Every way to run a layer on a device, the one to choose without measuring first. */
export function convolutionCandidates(
  operator: 'conv2d' | 'convTranspose2d',
  spec: ConvolutionSpec,
  device: KernelDevice,
): ConvolutionCandidate[] {
  return (operator === 'conv2d' ? conv2dCandidates : convTranspose2dCandidates)(spec, device);
}

/** A layer's weight: [outChannels, groupChannels, kernel height, kernel width]. */
interface LayerWeight {
  readonly outChannels: number;
  readonly groupChannels: number;
  readonly kernel: readonly [number, number];
  elements(): Float32Array;
}

function lowerConvolution(lowering: Lowering, node: Node<Conv2d | ConvTranspose2d>, layer: LayerWeight): void {
  const [x, weight, bias, residualValue] = node.inputs;
  const input = lowering.map(x, node);
  const residual = residualValue && lowering.map(residualValue, node);
  const output = lowering.outputMap(node.outputs[0]);
  const weightElement = weightElementOf(layer, input, output);
  const maps = { input: input.map, output: output.map, ...(residual ? { residual: residual.map } : {}) };
  const spec: ConvolutionSpec = { ...node.op, ...maps, kernel: layer.kernel, weightElement };
  const all = convolutionCandidates(node.op.type, spec, lowering.device).filter(
    ({ name }) => lowering.switches.winograd || !name.startsWith('winograd'),
  );
  // Where none fits, the usual one's tensors are refused by name.
  const fitting = all.filter((candidate) => fitsBindings(candidate, layer, weightElement, lowering.device));
  const candidates = fitting.length > 0 ? fitting : all.filter(({ scratch }) => !scratch);
  const key = convolutionKey(node.op.type, spec);
  const named = { key, node: node.name };
  const chosen = chooseCandidate(candidates, named, lowering.kernels);
  const { groupChannels } = layer;
  lowering.layers.push({ ...named, operator: node.op.type, spec, groupChannels, chosen: chosen.name });

  const tensors = new Map<string, Tensor>([
    ['input', input],
    [
      'weights',
      lowering.upload(weight.name, [packedWeightSize(chosen.weights, layer)], weightElement, () =>
        packConvWeights(chosen.weights, layer.elements(), layer),
      ),
    ],
    ['bias', lowering.upload(bias.name, bias.shape, 'f32', () => packBias(constantOf(bias, node)))],
    ...(residual ? [['residual', residual] as const] : []),
    ['output', output],
    ...(chosen.scratch ?? []).map(
      ({ name, element, elements }) =>
        [name, lowering.allocate(`${node.name} ${name}`, 'linear', [elements], element)] as const,
    ),
  ]);
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  for (const kernel of chosen.build()) {
    const bound = kernel.bindings.map((binding) => boundTensor(tensors, tensorOf(binding), kernel.label));
    // The dispatch that multiplies by the weights does the work that the layer asks for.
    const multiplies = kernel.bindings.some(({ name }) => name === 'weights');
    lowering.emit(kernel, bound, node, multiplies ? flops : 0);
  }
  lowering.finishMap(node.outputs[0], output, node);
}

/** Whether what only this candidate needs can be bound: its form of the weights, and what its dispatches hand on. */
function fitsBindings(
  { weights, scratch = [] }: ConvolutionCandidate,
  layer: LayerWeight,
  weightElement: ElementType,
  { maxBindingBytes }: DeviceProfile,
): boolean {
  const sizes = [{ elements: packedWeightSize(weights, layer), element: weightElement }, ...scratch];
  return sizes.every(({ elements, element }) => elements * bytesPerElement(element) <= maxBindingBytes);
}

function boundTensor(tensors: ReadonlyMap<string, Tensor>, name: string, kernel: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`${kernel} binds ${name}, which its candidate does not have`);
  return tensor;
}

/**
 * Weights are stored as the activations that they meet. Where they are fewer than these, as in the first layers, float32
 * costs no bandwidth worth mentioning, and the rounding of early weights is most of what float16 gets wrong: of the raw
 * outputs of yolox-nano on a photograph, float16 weights throughout were 2.3 % of the largest value off, these 1.5 %.
 */
function weightElementOf(layer: LayerWeight, { map: input }: MapTensor, { map: output }: MapTensor): ElementType {
  const weights = layer.outChannels * layer.groupChannels * layer.kernel[0] * layer.kernel[1];
  const activations = [input, output].reduce((total, map) => total + map.height * map.width * map.channels, 0);
  return weights < activations ? 'f32' : input.element;
}

function constantOf(value: Value, node: Node): Float32Array {
  if (value.constant instanceof Float32Array) return value.constant;
  throw new UnsupportedModelError(`the weights ${value.name} of ${node.name} are computed while the network runs`, [
    { node: node.name, operator: node.op.type, reason: 'its weights are not constant' },
  ]);
}
