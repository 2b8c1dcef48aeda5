import { addsResidual } from '../graph/epilogue.ts';
import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { consumersOf, rewrite } from '../graph/rewrite.ts';
import type { Graph, Node, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';
import { type Stretch, sliceOp, stretchOf } from './stretches.ts';

/**
 * Attention gets queries, keys and values from one convolution, head by head: so the queries of all heads are no slice of
 * its channels. In another order of the convolution's output channels they are, and can be read where they lie.
 */
export const separateHeads: Pass = {
  name: 'separate-heads',
  description: 'Orders the channels of a convolution so that what is taken out of each head lies together.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const { convolutions, parts } = findHeads(graph);
    if (convolutions.size === 0) return { graph, notes: [] };
    const rewritten = rewrite(graph, (node, rewriter) => {
      const [output] = node.outputs;
      const heads = convolutions.get(output);
      if (heads) {
        tally.add(`channels of a convolution ordered by what is taken out of its heads`);
        return orderChannels(node as Node<Conv2d>, heads, rewriter);
      }
      const part = parts.get(output);
      return part && takePart(node, part, rewriter);
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

/** A convolution's channels as [heads, perHead], and the stretches of perHead that are taken, in order. */
interface Heads {
  readonly count: number;
  readonly perHead: number;
  readonly stretches: readonly Stretch[];
}

interface Part extends Heads {
  readonly stretch: Stretch;
}

/** By the results of the convolutions, and by those of the slices. */
function findHeads(graph: Graph): { convolutions: Map<Value, Heads>; parts: Map<Value, Part> } {
  const consumers = consumersOf(graph);
  const outputs = new Set(graph.outputs);
  const readersOf = (value: Value) => (outputs.has(value) ? [] : (consumers.get(value) ?? []));
  const convolutions = new Map<Value, Heads>();
  const parts = new Map<Value, Part>();
  for (const node of graph.nodes) {
    if (!isOrderable(node)) continue;
    const [output] = node.outputs;
    const [reshape, ...others] = readersOf(output);
    if (reshape?.op.type !== 'reshape' || others.length > 0) continue;
    const [batch, count, perHead] = reshape.op.shape;
    if (reshape.op.shape.length !== 4 || batch !== output.shape[0] || count * perHead !== output.shape[1]) continue;
    const slices = readersOf(reshape.outputs[0]);
    const stretches = partition(slices.map(stretchOf), perHead);
    if (!stretches || count === 1) continue;
    const heads = { count, perHead, stretches };
    convolutions.set(output, heads);
    for (const slice of slices) parts.set(slice.outputs[0], { ...heads, stretch: stretchOf(slice) as Stretch });
  }
  return { convolutions, parts };
}

function isOrderable({ op, inputs }: Node): boolean {
  const plain = op.type === 'conv2d' && op.groups === 1 && !addsResidual(op.epilogue);
  return plain && inputs[1].constant !== undefined && inputs[2].constant !== undefined;
}

/** The stretches in order, if they are stretches of axis 2 that leave nothing out and share nothing. */
function partition(stretches: readonly (Stretch | undefined)[], size: number): Stretch[] | undefined {
  const known = stretches.filter((stretch) => stretch?.axis === 2) as Stretch[];
  if (known.length < 2 || known.length !== stretches.length) return undefined;
  known.sort((a, b) => a.start - b.start);
  const end = known.reduce((at, stretch) => (stretch.start === at ? at + stretch.size : Number.NaN), 0);
  return end === size ? known : undefined;
}

function orderChannels(node: Node<Conv2d>, heads: Heads, { emit }: Rewriter): readonly Value[] {
  const { count, perHead, stretches } = heads;
  const [x, weight, bias] = node.inputs;
  const order = stretches.flatMap(({ start, size }) =>
    Array.from({ length: count * size }, (_, i) => Math.floor(i / size) * perHead + start + (i % size)),
  );
  const ordered = (value: Value): Value => {
    const constant = Float32Array.from(value.constant as Float32Array);
    const length = constant.length / order.length;
    const source = constant.slice();
    order.forEach((from, to) => {
      constant.set(source.subarray(from * length, (from + 1) * length), to * length);
    });
    return { ...value, constant };
  };
  return emit(node.op, [x, ordered(weight), ordered(bias)], node.name, [node.outputs[0].name]);
}

/** The slice of all heads' channels at once, under the shape that the slice of each head had. */
function takePart(node: Node, part: Part, { emit, producerOf }: Rewriter): readonly Value[] | undefined {
  const { count, stretch } = part;
  const channels = producerOf(node.inputs[0])?.inputs[0];
  if (!channels) return undefined;
  const start = count * stretch.start;
  const slice = sliceOp(channels, { axis: 1, start, size: count * stretch.size });
  const [output] = node.outputs;
  const whole = emit(slice, [channels], node.name, [`${output.name}:heads`]);
  return emit({ type: 'reshape', shape: output.shape }, whole, node.name, [output.name]);
}
