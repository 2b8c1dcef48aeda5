import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import type { NodeReader, OperatorTable } from '../node-reader.ts';
import { UnsupportedOperator } from '../node-reader.ts';
import { pairOf, readPads, splitPadding, type WindowShape } from '../windows.ts';

export const convolution: OperatorTable = {
  Conv: (node) => [convolve(node, node.input(0), node.input(1), node.optional(2))],
  ConvTranspose: (node) => [convolveTransposed(node)],
};

/** Convolution by the node's attributes, whatever its inputs are called. `label` where it is not the node's last step. */
export function convolve(node: NodeReader, x: Value, weight: Value, bias: Value | undefined, label?: string): Value {
  requireSpatial(x, weight);
  const window = readWindow(node, weight);
  const { strides, dilations } = window;
  const pads = readPads(node, [x.shape[2], x.shape[3]], window);
  const groups = node.int('group', 1);
  const inputs = [x, weight, bias ?? zeroBias(node, weight.shape[0])];
  return node.apply({ type: 'conv2d', strides, pads, dilations, groups, epilogue: [] }, inputs, label);
}

function convolveTransposed(node: NodeReader): Value {
  const [x, weight] = [node.input(0), node.input(1)];
  requireSpatial(x, weight);
  const window = readWindow(node, weight);
  const { strides, dilations } = window;
  const groups = node.int('group', 1);
  const outputPadding = pairOf(node, 'output_padding', node.optionalIntList('output_padding') ?? [0, 0]);
  const pads = readTransposedPads(node, [x.shape[2], x.shape[3]], window, outputPadding);
  const bias = node.optional(2) ?? zeroBias(node, weight.shape[1] * groups);
  const op = { type: 'convTranspose2d', strides, pads, outputPadding, dilations, groups, epilogue: [] } as const;
  return node.apply(op, [x, weight, bias]);
}

function requireSpatial(x: Value, weight: Value): void {
  if (x.shape.length !== weight.shape.length) {
    throw new ShapeError(`its input [${x.shape}] and its weight [${weight.shape}] differ in rank`);
  }
  if (x.shape.length === 3 || x.shape.length === 5) {
    throw new UnsupportedOperator(`convolution over ${x.shape.length - 2} spatial dimensions is not supported`);
  }
  if (x.shape.length !== 4) throw new ShapeError(`its input has ${x.shape.length} dimensions, it needs 4`);
}

function readWindow(node: NodeReader, weight: Value): WindowShape {
  const kernel = [weight.shape[2], weight.shape[3]] as const;
  const stated = pairOf(node, 'kernel_shape', node.optionalIntList('kernel_shape') ?? kernel);
  if (stated[0] !== kernel[0] || stated[1] !== kernel[1]) {
    throw new ShapeError(`attribute kernel_shape is [${stated}], its weight is [${weight.shape}]`);
  }
  return {
    kernel,
    strides: pairOf(node, 'strides', node.optionalIntList('strides') ?? [1, 1]),
    dilations: pairOf(node, 'dilations', node.optionalIntList('dilations') ?? [1, 1]),
  };
}

/**
 * Padding is stated, or follows from the output's size: `output_shape`, or input * stride with an `auto_pad` of SAME. The
 * odd pixel goes to the beginning, except with SAME_UPPER.
 */
function readTransposedPads(
  node: NodeReader,
  size: readonly [number, number],
  { kernel, strides, dilations }: WindowShape,
  outputPadding: readonly [number, number],
): [number, number, number, number] {
  const autoPad = node.string('auto_pad', 'NOTSET');
  const stated = node.optionalIntList('output_shape');
  const same = autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER';
  if (!stated && !same) return readPads(node, size, { kernel, strides, dilations });
  const target = stated ? pairOf(node, 'output_shape', stated.slice(-2)) : [size[0] * strides[0], size[1] * strides[1]];
  const total = (axis: 0 | 1) => {
    const extent = dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.max((size[axis] - 1) * strides[axis] + outputPadding[axis] + extent - target[axis], 0);
  };
  return splitPadding([total(0), total(1)], autoPad === 'SAME_UPPER' ? 'SAME_UPPER' : 'SAME_LOWER');
}

function zeroBias(node: NodeReader, channels: number): Value {
  return node.floats('bias', [channels], new Float32Array(channels));
}
