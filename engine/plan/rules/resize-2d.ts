import { resize2d } from '../../../shaders/resize-2d.ts';
import type { Resize2d } from '../../graph/ops/resize-2d.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering } from '../lowering.ts';

export function lowerResize2d(lowering: Lowering, node: Node<Resize2d>): void {
  const input = lowering.map(node.inputs[0], node);
  const output = lowering.outputMap(node.outputs[0]);
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  lowering.emit(resize2d({ input: input.map, output: output.map, op: node.op }), [input, output], node, flops);
  lowering.finishMap(node.outputs[0], output, node);
}
