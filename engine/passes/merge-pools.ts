import type { MaxPool2d } from '../graph/ops/max-pool-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { consumersOf, rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * Spatial pyramid pooling, as it was (windows of 5, 9 and 13 pixels side by side) and in its fast form (windows of 5, one
 * after the other, which is the same: the maximum of maxima is that of a larger window).
 */
export const mergePools: Pass = {
  name: 'merge-pools',
  description: 'Computes max pools of one input that are joined as one.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const consumers = consumersOf(graph);
    const outputs = new Set(graph.outputs);
    const merged = rewrite(graph, (node, rewriter) => {
      const run = node.op.type === 'concat' && node.op.axis === 1 ? longestRun(node, rewriter) : undefined;
      if (!run) return undefined;
      const pools = node.inputs.slice(run.start, run.start + run.sizes.length);
      const superfluous = (pool: Value) => {
        const readers = consumers.get(pool) ?? [];
        return (
          !outputs.has(pool) && readers.every((r) => r.outputs[0] === node.outputs[0] || pools.includes(r.outputs[0]))
        );
      };
      if (!pools.every(superfluous)) return undefined;
      tally.add(`${pools.length} max pools of one input became one`);
      const op = { type: 'maxPoolPyramid', sizes: run.sizes } as const;
      const inputs = [...node.inputs];
      inputs.splice(run.start, pools.length, ...rewriter.emit(op, [run.source], pools[0].name));
      return rewriter.emit(node.op, inputs, node.name, [node.outputs[0].name]);
    });
    return { graph: merged, notes: tally.notes };
  },
};

/** Inputs of a concatenation that follow each other and are pools of one source, each of a larger window. */
interface Run {
  readonly source: Value;
  readonly start: number;
  readonly sizes: readonly number[];
}

function longestRun(node: Node, rewriter: Rewriter): Run | undefined {
  const pools = node.inputs.map((input) => poolBehind(input, rewriter));
  let best: Run | undefined;
  for (let start = 0; start < pools.length; start++) {
    const first = pools[start];
    if (!first || first.source.shape[1] % 4 !== 0) continue;
    const sizes: number[] = [];
    for (let pool = pools[start]; pool?.source === first.source; pool = pools[start + sizes.length]) {
      if (pool.size <= (sizes[sizes.length - 1] ?? 0)) break;
      sizes.push(pool.size);
    }
    if (sizes.length > (best?.sizes.length ?? 1)) best = { source: first.source, start, sizes };
  }
  return best;
}

/** A value as the largest of a square window around each pixel of another, through any number of pools. */
function poolBehind(value: Value, { producerOf }: Rewriter): { source: Value; size: number } | undefined {
  let source = value;
  let size = 1;
  for (let node = producerOf(source); node && isCentred(node); node = producerOf(source)) {
    size += node.op.kernel[0] - 1;
    [source] = node.inputs;
  }
  return size > 1 ? { source, size } : undefined;
}

function isCentred(node: Node): node is Node<MaxPool2d> {
  const { op } = node;
  if (op.type !== 'maxPool2d') return false;
  const [size] = op.kernel;
  const half = (size - 1) / 2;
  return op.kernel[1] === size && op.strides.every((s) => s === 1) && op.pads.every((count) => count === half);
}
