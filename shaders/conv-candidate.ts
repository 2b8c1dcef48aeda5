import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import type { ConvolutionTensors } from './conv-bindings.ts';
import type { WeightLayout } from './conv-weights.ts';
import type { Binding, ElementType, FeatureMap, Kernel } from './kernel.ts';

/** A convolution layer, transposed or not, and where its tensors lie. */
export interface ConvolutionSpec extends ConvolutionTensors {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [vertical: number, horizontal: number];
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilations: readonly [vertical: number, horizontal: number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}

/** A way to run a layer on a device: one dispatch, or several with memory between them. */
export interface ConvolutionCandidate {
  /** Family and tile: what a person pins and a tuner remembers. */
  readonly name: string;
  /** How the weights must lie; pack them with `packConvWeights`, and the bias with `packBias`. */
  readonly weights: WeightLayout;
  /**
   * The dispatches in their order. A binding says by its name, or by its `tensor`, which tensor it takes: 'input',
   * 'weights', 'bias', 'residual', 'output', or one of the scratch tensors.
   */
  build(): readonly Kernel[];
  /** How many times as large as those of a direct sum its rounding errors may be; 1 if absent. */
  readonly rounding?: number;
  /** Memory that the dispatches hand to each other, where there are several. */
  readonly scratch?: readonly ScratchTensor[];
}

export interface ScratchTensor {
  readonly name: string;
  readonly element: ElementType;
  readonly elements: number;
}

/** The name of the tensor that a binding of a candidate's dispatch takes. */
export function tensorOf({ name, tensor }: Binding): string {
  return tensor ?? name;
}

/**
 * What the speed of a layer's kernels depends on, as text: layers of equal keys have the same candidates, and the same one
 * is the fastest. Where the tensors lie is left out.
 */
export function convolutionKey(operator: 'conv2d' | 'convTranspose2d', spec: ConvolutionSpec): string {
  const { input, output, residual, kernel, strides, pads, dilations, groups, epilogue, weightElement } = spec;
  const map = ({ channels, height, width }: FeatureMap) => `${channels}x${height}x${width}`;
  const elements = [input.element, weightElement, ...(residual ? [residual.element] : []), output.element];
  return [
    operator,
    `${output.batch}x${map(input)}>${map(output)}`,
    `k${kernel.join('x')}`,
    `s${strides.join('x')}`,
    `p${pads.join('.')}`,
    ...(dilations.some((dilation) => dilation > 1) ? [`d${dilations.join('x')}`] : []),
    ...(groups > 1 ? [`g${groups}`] : []),
    [...new Set(elements)].length === 1 ? elements[0] : elements.join('.'),
    ...epilogue.map((step) =>
      step.name === 'addResidual' && step.upsample ? `${step.name}/${step.upsample}` : step.name,
    ),
  ].join(' ');
}

/** Raise it when a kernel changes under its name: tuning tables that timed the old one are no longer used. */
export const KERNELS_VERSION = 1;

/** Names of kernels by whoever chooses: for single layers, or one for all. */
export interface KernelChoices {
  /** Candidate names by the layer's node or its `convolutionKey`. A name that no candidate has is passed over. */
  readonly pins?: ReadonlyMap<string, string>;
  /** Run every layer that has a candidate of a name that begins like this with the first such. */
  readonly prefer?: string;
  /** Candidate names by `convolutionKey`, as they were measured. A name that no candidate has is passed over. */
  readonly byLayer?: ReadonlyMap<string, string>;
}

/** The pinned candidate, else the preferred one, else the fastest measured, else the first. */
export function chooseCandidate(
  candidates: readonly ConvolutionCandidate[],
  layer: { readonly key: string; readonly node: string },
  choices: KernelChoices,
): ConvolutionCandidate {
  return (
    decidedCandidate(candidates, layer, choices) ??
    candidates.find(({ name }) => name === choices.byLayer?.get(layer.key)) ??
    candidates[0]
  );
}

/** The candidate that a person has decided on, whatever was measured. */
export function decidedCandidate(
  candidates: readonly ConvolutionCandidate[],
  { key, node }: { readonly key: string; readonly node: string },
  { pins, prefer }: KernelChoices,
): ConvolutionCandidate | undefined {
  const pinned = pins?.get(node) ?? pins?.get(key);
  return (
    candidates.find(({ name }) => name === pinned) ??
    (prefer === undefined ? undefined : candidates.find(({ name }) => name.startsWith(prefer)))
  );
}
