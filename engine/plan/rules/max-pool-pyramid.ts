import { maxPoolPyramid } from '../../../shaders/max-pool-pyramid.ts';
import { pool2d } from '../../../shaders/pool-2d.ts';
import type { MaxPool2d } from '../../graph/ops/max-pool-2d.ts';
import type { MaxPoolPyramid } from '../../graph/ops/max-pool-pyramid.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering, MapTensor } from '../lowering.ts';

/**
 * One dispatch for all sizes. Where the processor computes, dispatches cost nothing and compiling does (the pyramid's kernel
 * takes six times as long as a pool's): there, one pool after the other, each from the one before.
 */
export function lowerMaxPoolPyramid(lowering: Lowering, node: Node<MaxPoolPyramid>): void {
  const { sizes } = node.op;
  const input = lowering.map(node.inputs[0], node);
  const output = lowering.outputMap(node.outputs[0]);
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  if (lowering.device.software) {
    lowerPools(lowering, node, input, output);
  } else {
    const kernel = maxPoolPyramid({ input: input.map, output: output.map, sizes });
    lowering.emit(kernel, [input, output], node, flops);
  }
  lowering.finishMap(node.outputs[0], output, node);
}

/** A window of size a over the results of windows of size b is a window of size a + b - 1. */
function lowerPools(lowering: Lowering, node: Node<MaxPoolPyramid>, input: MapTensor, output: MapTensor): void {
  const { channels } = input.map;
  let source = input;
  node.op.sizes.forEach((size, index) => {
    const window = size - (node.op.sizes[index - 1] ?? 1) + 1;
    const pad = (window - 1) / 2;
    const op: MaxPool2d = {
      type: 'maxPool2d',
      kernel: [window, window],
      strides: [1, 1],
      pads: [pad, pad, pad, pad],
    };
    const target = { ...output, map: { ...output.map, channels, offset: output.map.offset + index * channels } };
    const { flops } = definitionOf(op).cost(op, node.inputs, [node.inputs[0]]);
    lowering.emit(pool2d({ input: source.map, output: target.map, op }), [source, target], node, flops);
    source = target;
  });
}
