import { maxPoolPyramid } from '../../../shaders/max-pool-pyramid.ts';
import type { MaxPoolPyramid } from '../../graph/ops/max-pool-pyramid.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering } from '../lowering.ts';

export function lowerMaxPoolPyramid(lowering: Lowering, node: Node<MaxPoolPyramid>): void {
  const input = lowering.map(node.inputs[0], node);
  const output = lowering.outputMap(node.outputs[0]);
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  const kernel = maxPoolPyramid({ input: input.map, output: output.map, sizes: node.op.sizes });
  lowering.emit(kernel, [input, output], node, flops);
  lowering.finishMap(node.outputs[0], output, node);
}
