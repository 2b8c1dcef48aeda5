import { sameShape } from '../graph/indexing.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Graph, Node, Value } from '../graph/types.ts';
import { uniformValue } from './constants.ts';
import { type Pass, Tally } from './pass.ts';

export const removeNoOps: Pass = {
  name: 'remove-no-ops',
  description:
    'Removes nodes that change nothing (x * 1, identity reshapes and slices) and joins reshapes and transposes.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const rewritten = rewrite(graph, (node, rewriter) => {
      const unchanged = unchangedInput(node);
      if (unchanged && !namesAnOutput(graph, node, unchanged, rewriter)) {
        tally.add(`${node.op.type} that changes nothing removed`);
        return [unchanged];
      }
      const joined = joinWithProducer(node, rewriter);
      if (joined) tally.add(`${node.op.type} of a ${node.op.type} joined`);
      return joined;
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

/** An output of the graph that is also an input or another output needs a node to have a name of its own. */
function namesAnOutput(graph: Graph, node: Node, input: Value, { producerOf }: Rewriter): boolean {
  if (!graph.outputs.includes(node.outputs[0])) return false;
  return graph.outputs.includes(input) || (!producerOf(input) && !input.constant);
}

/** The input that a node passes on as it is. */
function unchangedInput(node: Node): Value | undefined {
  const { op } = node;
  const [x] = node.inputs;
  const [output] = node.outputs;
  const sameType = x?.kind === output.kind && sameShape(x.shape, output.shape);
  if (op.type === 'binary') return unchangedOperand(node);
  if (!sameType) return undefined;
  switch (op.type) {
    case 'reshape':
    case 'expand':
    case 'cast':
    case 'concat':
      return x;
    case 'transpose':
      return op.permutation.every((axis, index) => axis === index) ? x : undefined;
    case 'slice':
      return op.steps.every((step, axis) => step > 0 || op.sizes[axis] <= 1) ? x : undefined;
    case 'pad':
      return op.before.every((count) => count === 0) ? x : undefined;
    case 'reduce':
      return op.axes.every((axis) => x.shape[axis] === 1) ? x : undefined;
    case 'resize2d':
      return op.scales.every((scale) => scale === 1) ? x : undefined;
    case 'maxPool2d':
      return op.kernel.every((size) => size === 1) ? x : undefined;
    case 'unary': {
      const fn = op.function;
      return fn.name === 'clip' && fn.minimum === -Infinity && fn.maximum === Infinity ? x : undefined;
    }
    default:
      return undefined;
  }
}

/** x + 0, x - 0, x * 1, x / 1 and x ** 1; sums and products either way round. */
function unchangedOperand(node: Node): Value | undefined {
  if (node.op.type !== 'binary') return undefined;
  const neutral = { add: 0, subtract: 0, multiply: 1, divide: 1, power: 1 }[node.op.function as string];
  if (neutral === undefined) return undefined;
  const commutes = node.op.function === 'add' || node.op.function === 'multiply';
  const [a, b] = node.inputs;
  for (const [x, constant] of commutes
    ? [
        [a, b],
        [b, a],
      ]
    : [[a, b]]) {
    if (uniformValue(constant) === neutral && sameShape(x.shape, node.outputs[0].shape)) return x;
  }
  return undefined;
}

/** Two reshapes are one, and so are two transposes. */
function joinWithProducer(node: Node, { emit, producerOf }: Rewriter): readonly Value[] | undefined {
  const { op } = node;
  if (op.type !== 'reshape' && op.type !== 'transpose') return undefined;
  const producer = producerOf(node.inputs[0]);
  const outputNames = [node.outputs[0].name];
  if (op.type === 'reshape' && producer?.op.type === 'reshape') {
    const [x] = producer.inputs;
    return sameShape(x.shape, op.shape) ? [x] : emit(op, [x], node.name, outputNames);
  }
  if (op.type === 'transpose' && producer?.op.type === 'transpose') {
    const inner = producer.op.permutation;
    const permutation = op.permutation.map((axis) => inner[axis]);
    if (permutation.every((axis, index) => axis === index)) return [producer.inputs[0]];
    return emit({ type: 'transpose', permutation }, producer.inputs, node.name, outputNames);
  }
  return undefined;
}
