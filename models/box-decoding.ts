import type { Graph, Node, Value } from '../engine/graph/types.ts';

/** What a graph does to the numbers of its last convolutions on their way to an output. */
export interface OutputArithmetic {
  /** Whether it computes with the place of each anchor, or by more than a sigmoid: then boxes are decoded. */
  readonly decodes: boolean;
  /** Whether there is an exponential among it, as YOLOX has for widths and heights. */
  readonly exponential: boolean;
}

/**
 * Walks from an output back to the convolutions. Reordering, sigmoid, rounding to integers, and scales and shifts that are
 * the same for all pixels (a bias that stands beside its convolution, a dequantisation) decode nothing.
 */
export function arithmeticBehind(graph: Graph, output: Value): OutputArithmetic {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
  const seen = new Set<Node>();
  const open = [output];
  let decodes = false;
  let exponential = false;
  for (let value = open.pop(); value; value = open.pop()) {
    const node = producers.get(value);
    if (!node || seen.has(node) || isConvolution(node)) continue;
    seen.add(node);
    if (!isNeutral(node)) decodes = true;
    if (node.op.type === 'unary' && node.op.function.name === 'exp') exponential = true;
    open.push(...node.inputs.filter((input) => !input.constant));
  }
  return { decodes, exponential };
}

function isConvolution({ op }: Node): boolean {
  return op.type === 'conv2d' || op.type === 'convTranspose2d';
}

function isNeutral({ op, inputs }: Node): boolean {
  switch (op.type) {
    case 'reshape':
    case 'transpose':
    case 'concat':
    case 'slice':
    case 'cast':
      return true;
    case 'unary':
      return ['sigmoid', 'quantize', 'dequantize', 'round', 'clip'].includes(op.function.name);
    case 'binary':
      return inputs.some(isUniform);
    default:
      return false;
  }
}

/** A constant of one element, or of one for each channel. */
function isUniform({ constant, shape }: Value): boolean {
  if (!constant) return false;
  return constant.length === 1 || (shape.length >= 3 && shape.slice(-2).every((size) => size === 1));
}
