import type { Conv2d } from '../graph/ops/conv-2d.ts';
import { consumersOf, rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Graph, Node, Value } from '../graph/types.ts';
import { isMergeable, PartReaders } from './part-readers.ts';
import { type Stretch, stretchOf } from './stretches.ts';

/**
 * Divides a convolution of which one part is joined with other tensors and the rest is read elsewhere, as in blocks of
 * partial attention, into one for each part: for `merge-siblings`, which makes them one again in an order that suits the
 * concatenation.
 */
export function divideParts(graph: Graph): Graph {
  const divisions = findDivisions(graph);
  if (divisions.size === 0) return graph;
  const parts = new Map<Value, Value>();
  return rewrite(graph, (node, { emit }) => {
    const [output] = node.outputs;
    const slices = divisions.get(output) ?? [];
    const convolution = node as Node<Conv2d>;
    for (const { value, stretch } of slices) {
      const [x, weight, bias] = convolution.inputs;
      const inputs = [x, channelsOf(weight, stretch), channelsOf(bias, stretch)];
      parts.set(value, emit(convolution.op, inputs, node.name, [value.name])[0]);
    }
    const part = parts.get(output);
    return part && [part];
  });
}

interface Slice {
  readonly value: Value;
  readonly stretch: Stretch;
}

/** The slices of each convolution that is to be divided, by its result. */
function findDivisions(graph: Graph): Map<Value, readonly Slice[]> {
  const consumers = consumersOf(graph);
  const readers = new PartReaders(graph);
  const divisions = new Map<Value, readonly Slice[]>();
  for (const node of graph.nodes) {
    if (!isMergeable(node)) continue;
    const [whole] = node.outputs;
    const slices = (consumers.get(whole) ?? []).map((reader) => ({
      value: reader.outputs[0],
      stretch: stretchOf(reader),
    }));
    if (graph.outputs.includes(whole) || !isPartition(slices, whole.shape[1])) continue;
    const joined = slices.filter(({ value }) => !readers.readAnywhere(value));
    if (joined.length === 1 && readers.joinOf(joined[0].value)) divisions.set(whole, slices);
  }
  return divisions;
}

/** Whether the slices are of whole vec4s of channels, leave none out and share none. */
function isPartition(slices: readonly Partial<Slice>[], channels: number): slices is readonly Slice[] {
  const stretches = slices.map(({ stretch }) => stretch);
  if (stretches.length < 2 || !stretches.every((stretch) => stretch?.axis === 1 && stretch.size % 4 === 0))
    return false;
  const ordered = (stretches as Stretch[]).sort((a, b) => a.start - b.start);
  return ordered.reduce((end, { start, size }) => (start === end ? end + size : Number.NaN), 0) === channels;
}

/** Some output channels of a weight or bias. */
function channelsOf(value: Value, { start, size }: Stretch): Value {
  const constant = value.constant as ConstantData;
  const length = constant.length / value.shape[0];
  return {
    ...value,
    shape: [size, ...value.shape.slice(1)],
    constant: constant.slice(start * length, (start + size) * length),
  };
}
