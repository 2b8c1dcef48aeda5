import { sameShape } from '../graph/indexing.ts';
import { type Attention, MOST_ATTENTION_KEYS } from '../graph/ops/attention.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { uniformValue } from './constants.ts';
import { type Pass, Tally } from './pass.ts';

/** As YOLOv10's, 11's and 26's blocks have it, with channels before positions: values * softmax(queriesᵀ * keys)ᵀ. */
export const recognizeAttention: Pass = {
  name: 'recognize-attention',
  description: 'Turns two matrix products with a softmax between them into one operation.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const rewritten = rewrite(graph, (node, rewriter) => {
      const match = matchAttention(node, rewriter);
      if (!match) return undefined;
      tally.add('products and softmax became attention');
      return emitAttention(node, match, rewriter);
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

/** Each [N, heads, channels, positions]. */
interface Match {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  readonly scale: number;
}

function matchAttention(node: Node, rewriter: Rewriter): Match | undefined {
  if (node.op.type !== 'matMul' || node.outputs[0].shape.length !== 4) return undefined;
  const [values, weights] = node.inputs;
  const softmax = onlyProducer(transposed(weights, rewriter), rewriter);
  if (softmax?.op.type !== 'softmax' || softmax.op.axis !== 3) return undefined;
  const scores = withoutFactor(softmax.inputs[0], rewriter);
  const product = onlyProducer(scores.x, rewriter);
  const before = product?.op.type === 'matMul' ? transposed(product.inputs[0], rewriter) : undefined;
  if (!product || !before) return undefined;
  const [queries, keys] = [before, product.inputs[1]].map((x) => withoutFactor(x, rewriter));
  const maps = [queries.x, keys.x, values];
  const [batch, heads] = node.outputs[0].shape;
  const fits = maps.every(({ shape, constant }) => {
    return shape.length === 4 && shape[0] === batch && shape[1] === heads && shape[2] % 4 === 0 && !constant;
  });
  if (!fits || keys.x.shape[3] > MOST_ATTENTION_KEYS) return undefined;
  return { queries: queries.x, keys: keys.x, values, scale: scores.factor * queries.factor * keys.factor };
}

function emitAttention(node: Node, { queries, keys, values, scale }: Match, { emit }: Rewriter): readonly Value[] {
  const [output] = node.outputs;
  const joinHeads = (value: Value) => {
    const [batch, heads, channels, positions] = value.shape;
    return emit({ type: 'reshape', shape: [batch, heads * channels, positions] }, [value], `${value.name}:heads`)[0];
  };
  const op: Attention = { type: 'attention', heads: output.shape[1], scale };
  const joined = emit(op, [queries, keys, values].map(joinHeads), node.name, [`${output.name}:heads`]);
  return emit({ type: 'reshape', shape: output.shape }, joined, node.name, [output.name]);
}

/** What a value is the transpose of, its last two axes exchanged, if nothing else reads the value. */
function transposed(value: Value, rewriter: Rewriter): Value | undefined {
  const node = onlyProducer(value, rewriter);
  const isTranspose = node?.op.type === 'transpose' && sameShape(node.op.permutation, [0, 1, 3, 2]);
  return isTranspose ? node.inputs[0] : undefined;
}

function onlyProducer(value: Value | undefined, { producerOf, usesOf }: Rewriter): Node | undefined {
  return value && usesOf(value) === 1 ? producerOf(value) : undefined;
}

/** x and the number, if the value is x * number or x / number and nothing else reads it; else the value itself. */
function withoutFactor(value: Value, rewriter: Rewriter): { x: Value; factor: number } {
  const node = onlyProducer(value, rewriter);
  if (node?.op.type === 'binary' && (node.op.function === 'multiply' || node.op.function === 'divide')) {
    const [a, b] = node.inputs;
    const pairs =
      node.op.function === 'multiply'
        ? ([
            [a, b],
            [b, a],
          ] as const)
        : ([[a, b]] as const);
    for (const [x, constant] of pairs) {
      const number = uniformValue(constant);
      const factor = node.op.function === 'divide' && number !== undefined ? 1 / number : number;
      if (factor !== undefined && Number.isFinite(factor) && sameShape(x.shape, value.shape)) return { x, factor };
    }
  }
  return { x: value, factor: 1 };
}
