import { type ConvolutionCandidate, chooseConv2d } from '../../../shaders/conv-2d.ts';
import { chooseConvTranspose2d } from '../../../shaders/conv-transpose-2d.ts';
import { packBias, packConvWeights, packedWeightSize, transposeWeights } from '../../../shaders/conv-weights.ts';
import type { ElementType } from '../../../shaders/kernel.ts';
import { UnsupportedModelError } from '../../errors.ts';
import type { Conv2d } from '../../graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../../graph/ops/conv-transpose-2d.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Lowering, MapTensor, Tensor } from '../lowering.ts';

export function lowerConv2d(lowering: Lowering, node: Node<Conv2d>): void {
  const [, weight] = node.inputs;
  const [outChannels, groupChannels, height, width] = weight.shape;
  lowerConvolution(lowering, node, {
    outChannels,
    groupChannels,
    kernel: [height, width],
    choose: (spec) => chooseConv2d({ ...node.op, ...spec, kernel: [height, width] }, lowering.device),
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
    choose: (spec) => chooseConvTranspose2d({ ...node.op, ...spec, kernel: [height, width] }, lowering.device),
    elements: () => transposeWeights(constantOf(weight, node), shape, groups),
  });
}

/** What a layer's kernel is chosen by, beside its op. */
interface Tensors {
  readonly input: MapTensor['map'];
  readonly output: MapTensor['map'];
  readonly residual?: MapTensor['map'];
  readonly weightElement: ElementType;
}

interface Layer {
  readonly outChannels: number;
  readonly groupChannels: number;
  readonly kernel: readonly [number, number];
  choose(tensors: Tensors): ConvolutionCandidate;
  /** The weight as [outChannels, groupChannels, kernel height, kernel width]. */
  elements(): Float32Array;
}

function lowerConvolution(lowering: Lowering, node: Node<Conv2d | ConvTranspose2d>, layer: Layer): void {
  const [x, weight, bias, residualValue] = node.inputs;
  const input = lowering.map(x, node);
  const residual = residualValue && lowering.map(residualValue, node);
  const output = lowering.outputMap(node.outputs[0]);
  const weightElement = weightElementOf(layer, input, output);
  const chosen = layer.choose({ input: input.map, output: output.map, residual: residual?.map, weightElement });
  const weights = lowering.upload(weight.name, [packedWeightSize(chosen.weights, layer)], weightElement, () =>
    packConvWeights(chosen.weights, layer.elements(), layer),
  );
  const biases = lowering.upload(bias.name, bias.shape, 'f32', () => packBias(constantOf(bias, node)));
  const tensors: Tensor[] = [input, weights, biases, ...(residual ? [residual] : []), output];
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  lowering.emit(chosen.build(), tensors, node, flops);
  lowering.finishMap(node.outputs[0], output, node);
}

/**
 * Weights are stored as the activations that they meet. Where they are fewer than these, as in the first layers, float32
 * costs no bandwidth worth mentioning, and the rounding of early weights is most of what float16 gets wrong: of the raw
 * outputs of yolox-nano on a photograph, float16 weights throughout were 2.3 % of the largest value off, these 1.5 %.
 */
function weightElementOf(layer: Layer, { map: input }: MapTensor, { map: output }: MapTensor): ElementType {
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
