import { evaluateNode, isFoldable } from '../graph/builder.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { ShapeError } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';

export const foldConstants: Pass = {
  name: 'fold-constants',
  description: 'Computes what depends on constants only: dequantized weights, anchors, normalisation factors.',
  required: true,
  run(graph) {
    const tally = new Tally();
    const folded = rewrite(graph, (node) => {
      if (!isFoldable(node)) return undefined;
      tally.add(`${node.op.type} of constants computed`);
      return evaluate(node);
    });
    return { graph: folded, notes: tally.notes };
  },
};

/** What only the elements show (an index out of range) is an error of the file, so it must say where. */
function evaluate(node: Node): Value[] {
  try {
    return evaluateNode(node);
  } catch (error) {
    if (error instanceof ShapeError) throw new ShapeError(`${node.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
