import { attention, isAttentionView } from '../../../shaders/attention.ts';
import type { Attention } from '../../graph/ops/attention.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Lowering, Tensor } from '../lowering.ts';

export function lowerAttention(lowering: Lowering, node: Node<Attention>): void {
  const [output] = node.outputs;
  const fresh = (value: Value) =>
    lowering.allocate(`${value.name} channels-last`, 'packed', value.shape, lowering.elementOf(value));
  const channelsLast = (value: Value): Tensor => {
    const tensor = lowering.tensor(value);
    if (isAttentionView(tensor.view)) return tensor;
    const own = fresh(value);
    lowering.copy(tensor, own, node, 'attention reads channels-last');
    return own;
  };
  const [queries, keys, values] = node.inputs.map(channelsLast);
  const promised = lowering.output(output, 'packed');
  const written = isAttentionView(promised.view) ? promised : fresh(output);
  const kernel = attention({
    queries: queries.view,
    keys: keys.view,
    values: values.view,
    output: written.view,
    heads: node.op.heads,
    scale: node.op.scale,
  });
  const { flops } = definitionOf(node.op).cost(node.op, node.inputs, node.outputs);
  lowering.emit(kernel, [queries, keys, values, written], node, flops);
  if (written !== promised) lowering.copy(written, promised, node, 'attention writes channels-last');
}
