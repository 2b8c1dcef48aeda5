import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';

export const recognizeSoftmax: Pass = {
  name: 'recognize-softmax',
  description: 'Turns exp(x - max) / sum, spelled out, into softmax.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const rewritten = rewrite(graph, (node, rewriter) => {
      const match = matchSoftmax(node, rewriter);
      if (!match) return undefined;
      tally.add('exp(x - max) / sum became softmax');
      return rewriter.emit({ type: 'softmax', axis: match.axis }, [match.x], node.name, [node.outputs[0].name]);
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

function matchSoftmax(node: Node, { producerOf }: Rewriter): { x: Value; axis: number } | undefined {
  if (node.op.type !== 'binary' || node.op.function !== 'divide') return undefined;
  const [exponential, sum] = node.inputs;
  const axis = reducedAxis(producerOf(sum), 'sum', exponential);
  const exponentialNode = producerOf(exponential);
  if (axis === undefined || exponentialNode?.op.type !== 'unary' || exponentialNode.op.function.name !== 'exp') {
    return undefined;
  }
  const [exponent] = exponentialNode.inputs;
  const difference = producerOf(exponent);
  // Subtracting the maximum only keeps the exponential from overflowing, so it may be absent.
  if (difference?.op.type === 'binary' && difference.op.function === 'subtract') {
    const [x, maximum] = difference.inputs;
    if (reducedAxis(producerOf(maximum), 'maximum', x) === axis) return { x, axis };
  }
  return { x: exponent, axis };
}

/** The axis along which a node reduces `input`, if it is the only one and stays with size 1. */
function reducedAxis(node: Node | undefined, name: 'sum' | 'maximum', input: Value): number | undefined {
  if (node?.op.type !== 'reduce' || node.op.function !== name || node.inputs[0] !== input) return undefined;
  return node.op.keepDims && node.op.axes.length === 1 ? node.op.axes[0] : undefined;
}
