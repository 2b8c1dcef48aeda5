import { elementCount } from '../../../engine/graph/indexing.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

/** Normalisations, in products and sums: a batch norm then folds into its convolution like any other scale. */
export const normalization: OperatorTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: (node) => {
    const x = node.input(0);
    const axes = x.shape.map((_, axis) => axis).slice(2);
    const perChannel = [x.shape[1], ...axes.map(() => 1)];
    const normal = standardize(node, x, axes);
    return [
      scaleAndShift(
        node,
        normal,
        node.reshape(node.input(1), perChannel, 'scale'),
        node.reshape(node.input(2), perChannel, 'shift'),
      ),
    ];
  },
  LayerNormalization: (node) => {
    const x = node.input(0);
    const first = node.axis(node.int('axis', -1), x.shape.length);
    const axes = x.shape.map((_, axis) => axis).slice(first);
    return [scaleAndShift(node, standardize(node, x, axes), node.input(1), node.optional(2))];
  },
  GroupNormalization: groupNormalization,
};

/** y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel, as x * factor + addend. */
function batchNormalization(node: NodeReader): Value[] {
  if (node.int('training_mode', 0) !== 0) throw new UnsupportedOperator('training mode is not supported');
  if (node.int('spatial', 1) !== 1) throw new UnsupportedOperator('statistics per pixel are not supported');
  const x = node.input(0);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => node.constant(index).constant);
  const channels = x.shape[1] ?? 0;
  for (const [index, data] of [scale, bias, mean, variance].entries()) {
    if (data.length !== channels)
      throw new ShapeError(`input ${index + 1} has ${data.length} elements for ${channels} channels`);
  }
  const epsilon = node.float('epsilon', 1e-5);
  const factor = Array.from(scale, (value, channel) => value / Math.sqrt(variance[channel] + epsilon));
  const addend = Array.from(bias, (value, channel) => value - mean[channel] * factor[channel]);
  const perChannel = [1, channels, ...x.shape.slice(2).map(() => 1)];
  const scaled = node.binary('multiply', x, node.floats('factor', perChannel, factor), 'scaled');
  return [node.binary('add', scaled, node.floats('addend', perChannel, addend))];
}

/** Scale and bias are per group before version 21, per channel from then on. */
function groupNormalization(node: NodeReader): Value[] {
  const x = node.input(0);
  const groups = node.required('num_groups', 'int');
  const [batch, channels, ...spatial] = x.shape;
  if (!Number.isInteger(channels / groups))
    throw new ShapeError(`${channels} channels don't divide into ${groups} groups`);
  const size = (channels / groups) * elementCount(spatial);
  const grouped = standardize(node, node.reshape(x, [batch, groups, size], 'groups'), [2]);
  if (node.opset < 21) {
    const perGroup = (index: number, label: string) => node.reshape(node.input(index), [groups, 1], label);
    const result = scaleAndShift(node, grouped, perGroup(1, 'scale'), perGroup(2, 'shift'), 'shifted');
    return [node.reshape(result, x.shape)];
  }
  const normal = node.reshape(grouped, x.shape, 'ungrouped');
  const perChannel = (index: number, label: string) =>
    node.reshape(node.input(index), [channels, ...spatial.map(() => 1)], label);
  return [scaleAndShift(node, normal, perChannel(1, 'scale'), perChannel(2, 'shift'))];
}

/** (x - mean) / sqrt(variance + epsilon) over some axes. */
function standardize(node: NodeReader, x: Value, axes: readonly number[]): Value {
  if (axes.length === 0) throw new ShapeError(`its input [${x.shape}] has no dimensions to normalise over`);
  const average = (value: Value, label: string) =>
    node.apply({ type: 'reduce', function: 'mean', axes, keepDims: true }, [value], label);
  const centered = node.binary('subtract', x, average(x, 'mean'), 'centered');
  const variance = average(node.binary('multiply', centered, centered, 'square'), 'variance');
  const epsilon = node.floats('epsilon', [], [node.float('epsilon', 1e-5)]);
  const deviation = node.unary('sqrt', node.binary('add', variance, epsilon, 'stabilized'), 'deviation');
  return node.binary('divide', centered, deviation, 'normal');
}

function scaleAndShift(node: NodeReader, x: Value, scale: Value, shift: Value | undefined, label?: string): Value {
  const scaled = node.binary('multiply', x, scale, shift ? 'scaled' : label);
  return shift ? node.binary('add', scaled, shift, label) : scaled;
}
