import type { Rewriter } from '../graph/rewrite.ts';
import type { ConstantData, Node, Value } from '../graph/types.ts';
import { affineOf } from './affine.ts';
import { channelValues } from './constants.ts';
import { isLinear } from './convolutions.ts';

/** One term of a sum as a linear map of a common input: scale[c] * kernel(input) + shift[c] in every output channel c. */
export interface Branch {
  /** Absent for a constant term. */
  readonly kernel?: Kernel;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** A convolution without bias, whether it was written as one or is an average or the identity. */
export interface Kernel {
  /** [height, width] in taps. */
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Pixels from an output's position up and left to its first tap. */
  readonly origin: readonly [number, number];
  /** Absent where each channel depends on itself only, which is possible in any number of groups. */
  readonly groups?: number;
  /** The weight of tap number `tap` from channel `channel` of the output channel's group, which has `groupChannels`. */
  weight(outChannel: number, channel: number, groupChannels: number, tap: number): number;
}

/** `term` as a branch of `input`, if it is one that nothing else reads. */
export function branchOf(term: Value, input: Value, { producerOf, usesOf }: Rewriter): Branch | undefined {
  const channels = term.shape[1];
  const scale = new Float64Array(channels).fill(1);
  const constant = channelValues(term, [1, channels, 1, 1]);
  if (constant) return { scale, shift: constant };
  const shift = new Float64Array(channels);
  let value = term;
  while (value !== input) {
    const producer = usesOf(value) === 1 ? producerOf(value) : undefined;
    const kernel = producer?.inputs[0] === input ? kernelOf(producer) : undefined;
    if (producer && kernel) {
      const bias = producer.inputs[2]?.constant;
      if (bias) for (let c = 0; c < channels; c++) shift[c] += scale[c] * bias[c];
      return { kernel, scale, shift };
    }
    const affine = affineOf(producer);
    if (!affine) return undefined;
    for (let c = 0; c < channels; c++) {
      shift[c] += scale[c] * affine.shift[c];
      scale[c] *= affine.scale[c];
    }
    value = affine.input;
  }
  return { kernel: identity, scale, shift };
}

/** What a node does to its first input, if it is a convolution of it but for the bias. */
export function kernelOf(node: Node | undefined): Kernel | undefined {
  if (node?.op.type === 'conv2d' && isLinear(node)) {
    const { strides, dilations, pads, groups } = node.op;
    const [, , height, width] = node.inputs[1].shape;
    const weights = node.inputs[1].constant as ConstantData;
    return {
      size: [height, width],
      strides,
      dilations,
      origin: [pads[0], pads[1]],
      groups,
      weight: (out, channel, groupChannels, tap) => weights[(out * groupChannels + channel) * height * width + tap],
    };
  }
  // An average is linear where its divisor is the same everywhere.
  if (node?.op.type === 'averagePool2d' && (node.op.countIncludePad || node.op.pads.every((count) => count === 0))) {
    const { kernel: size, strides, pads } = node.op;
    return { ...identity, size, strides, origin: [pads[0], pads[1]], weight: onDiagonal(1 / (size[0] * size[1])) };
  }
  return undefined;
}

const identity: Kernel = {
  size: [1, 1],
  strides: [1, 1],
  dilations: [1, 1],
  origin: [0, 0],
  weight: onDiagonal(1),
};

function onDiagonal(weight: number): Kernel['weight'] {
  return (out, channel, groupChannels) => (out % groupChannels === channel ? weight : 0);
}
