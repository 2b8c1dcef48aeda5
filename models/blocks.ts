import type { Value } from '../engine/graph/types.ts';
import type { NetworkBuilder } from './network-builder.ts';

/**
 * Layers that families share, under PyTorch's key names. Norms and branches are written as they were trained: the passes
 * fold them.
 */

/** A convolution with the padding that keeps the size at stride 1, with the bias `${name}.bias` where there is one. */
export function convolution(network: NetworkBuilder, x: Value, name: string, stride = 1): Value {
  const weight = network.weight(`${name}.weight`, 4);
  const [channels, , height, width] = weight.shape;
  const bias = network.has(`${name}.bias`)
    ? network.weight(`${name}.bias`, 1)
    : network.floats(`${name}.bias`, [channels], new Float32Array(channels));
  const [vertical, horizontal] = [Math.floor(height / 2), Math.floor(width / 2)];
  return network.apply(
    {
      type: 'conv2d',
      strides: [stride, stride],
      pads: [vertical, horizontal, vertical, horizontal],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
    },
    [x, weight, bias],
    name,
  );
}

/** Doubles height and width: a transposed convolution whose kernel is its stride. */
export function upsampling(network: NetworkBuilder, x: Value, name: string): Value {
  const weight = network.weight(`${name}.weight`, 4);
  return network.apply(
    {
      type: 'convTranspose2d',
      strides: [2, 2],
      pads: [0, 0, 0, 0],
      outputPadding: [0, 0],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
    },
    [x, weight, network.weight(`${name}.bias`, 1)],
    name,
  );
}

/** (x - mean) / sqrt(variance + epsilon) * weight + bias per channel, as x * factor + addend. */
export function batchNorm(network: NetworkBuilder, x: Value, name: string, epsilon: number): Value {
  const read = (key: string) => network.weight(`${name}.${key}`, 1).constant ?? [];
  const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(read);
  const factor = Float64Array.from(scale, (value, channel) => value / Math.sqrt(variance[channel] + epsilon));
  const addend = Float64Array.from(shift, (value, channel) => value - mean[channel] * factor[channel]);
  const perChannel = [1, scale.length, 1, 1];
  const scaled = network.binary('multiply', x, network.floats(`${name}.factor`, perChannel, factor), `${name}.scaled`);
  return network.binary('add', scaled, network.floats(`${name}.addend`, perChannel, addend), name);
}

/** Convolution, batch norm where there is one (a fused checkpoint has a bias instead), ReLU. */
export function convBnRelu(network: NetworkBuilder, x: Value, name: string, epsilon: number, stride = 1): Value {
  const result = convolution(network, x, `${name}.conv`, stride);
  const normal = network.has(`${name}.bn.weight`) ? batchNorm(network, result, `${name}.bn`, epsilon) : result;
  return network.relu(normal, `${name}.relu`);
}

/**
 * Largest values over windows of 5, 9 and 13 pixels beside the tensor itself. A 9-pixel maximum is one of 5 pixels over
 * maxima of 5.
 */
export function pyramidPool(network: NetworkBuilder, x: Value, name: string): Value {
  const pool = (input: Value, size: number) =>
    network.apply(
      { type: 'maxPool2d', kernel: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] },
      [input],
      `${name}.max${size}`,
    );
  const five = pool(x, 5);
  const nine = pool(five, 9);
  return network.concat([x, five, nine, pool(nine, 13)], 1, `${name}.concat`);
}
