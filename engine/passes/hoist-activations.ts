import type { UnaryFunction } from '../graph/ops/unary.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { producersOf, rewrite } from '../graph/rewrite.ts';
import type { Graph, Node, Value } from '../graph/types.ts';
import { type Convolution, isConvolution } from './convolutions.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * The scores of all levels are joined before their sigmoid. A function of each element doesn't mind where the elements
 * lie, so each convolution can apply it to what it writes.
 */
export const hoistActivations: Pass = {
  name: 'hoist-activations',
  description: 'Moves functions of joined or reordered results into the convolutions that these come from.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const { functions, hoisted } = findHoistable(graph);
    if (hoisted.size === 0) return { graph, notes: [] };
    const rewritten = rewrite(graph, (node, rewriter) => {
      const [output] = node.outputs;
      if (hoisted.has(output)) {
        tally.add(
          `${(node.op as { function: UnaryFunction }).function.name} of joined results moved into convolutions`,
        );
        return [node.inputs[0]];
      }
      const step = functions.get(output);
      return step && isConvolution(node) ? extend(node, step, rewriter) : undefined;
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

function extend(node: Node<Convolution>, step: UnaryFunction, { emit }: Rewriter): readonly Value[] {
  return emit({ ...node.op, epilogue: [...node.op.epilogue, step] }, node.inputs, node.name, [node.outputs[0].name]);
}

/** The function that each convolution's result is to pass, and the results of the functions that become superfluous. */
function findHoistable(graph: Graph): { functions: Map<Value, UnaryFunction>; hoisted: Set<Value> } {
  const producers = producersOf(graph);
  const uses = new Map<Value, number>();
  for (const value of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs]) {
    uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  /** The convolutions that a value is put together from; undefined where something else is among them or reads them. */
  const sourcesOf = (value: Value): Value[] | undefined => {
    const producer = producers.get(value);
    if (!producer || uses.get(value) !== 1) return undefined;
    if (isConvolution(producer)) return [value];
    if (!/^(concat|reshape|transpose)$/.test(producer.op.type)) return undefined;
    const sources = producer.inputs.map(sourcesOf);
    return sources.every((source) => source !== undefined) ? sources.flat() : undefined;
  };
  const functions = new Map<Value, UnaryFunction>();
  const hoisted = new Set<Value>();
  for (const { op, inputs, outputs } of graph.nodes) {
    const sources = op.type === 'unary' ? sourcesOf(inputs[0]) : undefined;
    if (op.type !== 'unary' || !sources) continue;
    hoisted.add(outputs[0]);
    for (const source of sources) functions.set(source, op.function);
  }
  return { functions, hoisted };
}
