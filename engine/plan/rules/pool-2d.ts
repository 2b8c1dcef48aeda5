import { pool2d } from '../../../shaders/pool-2d.ts';
import type { AveragePool2d } from '../../graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../../graph/ops/max-pool-2d.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering } from '../lowering.ts';

export function lowerPool2d(lowering: Lowering, node: Node<MaxPool2d | AveragePool2d>): void {
  const input = lowering.map(node.inputs[0], node);
  const output = lowering.outputMap(node.outputs[0]);
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  lowering.emit(pool2d({ input: input.map, output: output.map, op: node.op }), [input, output], node, flops);
  lowering.finishMap(node.outputs[0], output, node);
}
