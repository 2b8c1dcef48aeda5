import { distanceBoxes } from '../../../shaders/distance-boxes.ts';
import type { DistanceBoxes } from '../../graph/ops/distance-boxes.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { transposeView } from '../views.ts';

export function lowerDistanceBoxes(lowering: Lowering, node: Node<DistanceBoxes>): void {
  const { axis, bins, form } = node.op;
  const [input, points, strides] = node.inputs.map((value) => lowering.tensor(value));
  const output = lowering.output(node.outputs[0]);
  const attributesFirst = ({ view }: Tensor) => (axis === 1 ? view : transposeView(view, [0, 2, 1]));
  const kernel = distanceBoxes({
    input: attributesFirst(input),
    points: points.view,
    strides: strides.view,
    output: attributesFirst(output),
    bins,
    form,
    sharedAllocation: input.allocation === output.allocation,
  });
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  lowering.emit(kernel, [input, points, strides, output], node, flops);
}
