import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Graph, Node, Value } from '../graph/types.ts';
import { divideParts } from './divide-parts.ts';
import { isMergeable, PartReaders } from './part-readers.ts';
import { type Pass, Tally } from './pass.ts';
import { sliceOp } from './stretches.ts';

/**
 * The two branches of a CSP block and of a decoupled head begin with convolutions that differ in their weights only. As one
 * convolution with more output channels they read their input once; what follows reads its part of the result where it
 * lies.
 *
 * Where a part is the first or the last input of a concatenation, the concatenation takes the whole result, arranged so
 * that the part borders on the other inputs, and is a slice itself: so the part is still written in place. The same is done
 * for the parts of what is one convolution already.
 */
export const mergeSiblings: Pass = {
  name: 'merge-siblings',
  description: 'Computes convolutions of one input that differ only in their weights as one.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const divided = divideParts(graph);
    const { families, joins } = findFamilies(divided);
    if (families.size === 0) return { graph, notes: [] };
    const merged = rewrite(divided, (node, rewriter) => {
      const [output] = node.outputs;
      const family = families.get(output);
      if (family) {
        if (!family.result) tally.add(`${family.members.length} convolutions of one input became one`);
        return [partOf(family, node as Node<Conv2d>, rewriter)];
      }
      const join = joins.get(output);
      return join && joinWhole(node, join, rewriter);
    });
    return { graph: merged, notes: tally.notes };
  },
};

/** Siblings, in the order of their channels in the common result. */
interface Family {
  readonly members: readonly Node<Conv2d>[];
  /** The common result, once the first of them was visited, and the part of each. */
  result?: { readonly whole: Value; readonly parts: ReadonlyMap<Value, Value> };
}

/** A concatenation whose first or last input is a part, which borders on the others: the last or first of its family. */
interface Join {
  first?: Family;
  last?: Family;
}

function findFamilies(graph: Graph): { families: Map<Value, Family>; joins: Map<Value, Join> } {
  const readers = new PartReaders(graph);
  const bySameness = new Map<Value, Map<string, Node<Conv2d>[]>>();
  for (const node of graph.nodes) {
    if (!isMergeable(node)) continue;
    const [x, weight] = node.inputs;
    const key = JSON.stringify([node.op, weight.shape.slice(1)]);
    const alike = bySameness.get(x) ?? new Map<string, Node<Conv2d>[]>();
    bySameness.set(x, alike.set(key, [...(alike.get(key) ?? []), node]));
  }
  const families = new Map<Value, Family>();
  const joins = new Map<Value, Join>();
  for (const siblings of [...bySameness.values()].flatMap((alike) => [...alike.values()])) {
    if (siblings.length < 2) continue;
    const anywhere = siblings.filter(({ outputs: [output] }) => readers.readAnywhere(output));
    const joined = siblings.find(
      ({ outputs: [output] }) => !anywhere.some((n) => n.outputs[0] === output) && readers.joinOf(output),
    );
    const join = joined && readers.joinOf(joined.outputs[0]);
    const members = !joined ? anywhere : join?.side === 'last' ? [joined, ...anywhere] : [...anywhere, joined];
    if (members.length < 2) continue;
    const family: Family = { members };
    for (const { outputs } of members) families.set(outputs[0], family);
    if (join) joins.set(join.concat.outputs[0], { ...joins.get(join.concat.outputs[0]), [join.side]: family });
  }
  return { families, joins };
}

function partOf(family: Family, node: Node<Conv2d>, rewriter: Rewriter): Value {
  family.result ??= mergeMembers(family.members, node, rewriter);
  return family.result.parts.get(node.outputs[0]) as Value;
}

/** `node` is a member as the rewriter sees it: its input may have been replaced. */
function mergeMembers(
  members: readonly Node<Conv2d>[],
  node: Node<Conv2d>,
  { emit }: Rewriter,
): NonNullable<Family['result']> {
  const channels = members.reduce((sum, { outputs }) => sum + outputs[0].shape[1], 0);
  const [x, weight, bias] = node.inputs;
  const joinedData = (input: 1 | 2) => joinData(members.map(({ inputs }) => inputs[input].constant as ConstantData));
  const inputs: Value[] = [
    x,
    { ...weight, shape: [channels, ...weight.shape.slice(1)], constant: joinedData(1) },
    { ...bias, shape: [channels], constant: joinedData(2) },
  ];
  const [whole] = emit(node.op, inputs, node.name, [`${node.outputs[0].name}:siblings`]);
  const parts = new Map<Value, Value>();
  let start = 0;
  for (const { name, outputs } of members) {
    const size = outputs[0].shape[1];
    parts.set(outputs[0], emit(sliceOp(whole, { axis: 1, start, size }), [whole], name, [outputs[0].name])[0]);
    start += size;
  }
  return { whole, parts };
}

function joinData(parts: readonly ConstantData[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    joined.set(part, start);
    start += part.length;
  }
  return joined;
}

/** The concatenation of whole results, and the slice of it that the node was. */
function joinWhole(node: Node, { first, last }: Join, { emit }: Rewriter): readonly Value[] {
  const inputs = [...node.inputs];
  const size = node.outputs[0].shape[1];
  let start = 0;
  if (first?.result) {
    const [part] = inputs.splice(0, 1, first.result.whole);
    start = first.result.whole.shape[1] - part.shape[1];
  }
  if (last?.result) inputs.splice(-1, 1, last.result.whole);
  const [whole] = emit(node.op, inputs, node.name, [`${node.outputs[0].name}:siblings`]);
  return emit(sliceOp(whole, { axis: 1, start, size }), [whole], node.name, [node.outputs[0].name]);
}
