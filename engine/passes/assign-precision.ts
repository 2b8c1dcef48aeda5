import type { Graph, Value } from '../graph/types.ts';

export type FloatPrecision = 'float32' | 'float16';

/**
 * The precision of every float tensor. With 'float16', whatever still flows into a convolution is float16; what comes
 * after the last convolutions (box arithmetic, whose pixel coordinates need more than 11 bits, and scores) is float32.
 * Arithmetic is float32 everywhere: this is about storage.
 */
export function assignPrecision(graph: Graph, precision: FloatPrecision): ReadonlyMap<Value, FloatPrecision> {
  const assigned = new Map<Value, FloatPrecision>();
  const feedsConvolution = new Set<Value>();
  if (precision === 'float16') {
    for (const node of [...graph.nodes].reverse()) {
      const convolution = node.op.type === 'conv2d' || node.op.type === 'convTranspose2d';
      if (!convolution && !node.outputs.some((output) => feedsConvolution.has(output))) continue;
      for (const input of node.inputs) if (input.kind === 'float' && !input.constant) feedsConvolution.add(input);
    }
  }
  const assign = (value: Value) => {
    if (value.kind === 'float') assigned.set(value, feedsConvolution.has(value) ? 'float16' : 'float32');
  };
  graph.inputs.forEach(assign);
  for (const node of graph.nodes) node.outputs.forEach(assign);
  return assigned;
}
