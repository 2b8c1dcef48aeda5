import type { Rewriter } from '../graph/rewrite.ts';
import { consumersOf, rewrite } from '../graph/rewrite.ts';
import type { Node, Shape, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';
import { type Stretch, stretchOf } from './stretches.ts';

/**
 * Exporters join each level's boxes and class scores, then the levels, and take boxes and scores apart again. Joined from
 * the parts that it is made of, each is a tensor of its own, and what is done to it can move up to its parts.
 */
export const splitConcatenations: Pass = {
  name: 'split-concatenations',
  description: 'Takes slices that fall between the parts of a concatenation from those parts.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const consumers = consumersOf(graph);
    const outputs = new Set(graph.outputs);
    const split = rewrite(graph, (node, rewriter) => {
      const stretch = stretchOf(node);
      if (!stretch) return undefined;
      const [x] = node.inputs;
      // A concatenation that somebody else still needs would be made in vain, and its parts twice.
      const readers = consumers.get(x) ?? [];
      const dissolves = (reader: Node) => {
        const part = stretchOf(reader);
        return part !== undefined && partOf(x, part, rewriter) !== undefined;
      };
      if (outputs.has(x) || readers.length === 0 || !readers.every(dissolves)) return undefined;
      const make = partOf(x, stretch, rewriter);
      if (!make) return undefined;
      tally.add('slice of a concatenation taken from its parts');
      return [make(node.name)];
    });
    return { graph: split, notes: tally.notes };
  },
};

/** What makes a stretch of a value from the parts that it was joined from; nothing is emitted before it is called. */
type Make = (name: string) => Value;

/** Undefined where the stretch doesn't begin and end between parts, or where others read what lies between. */
function partOf(x: Value, stretch: Stretch, rewriter: Rewriter, inner = false): Make | undefined {
  const { axis, start, size } = stretch;
  if (start === 0 && size === x.shape[axis]) return () => x;
  const producer = rewriter.producerOf(x);
  if (!producer || (inner && rewriter.usesOf(x) !== 1)) return undefined;
  const { op } = producer;
  const moved = (from: Stretch, again: (part: Value) => Parameters<Rewriter['emit']>[0]): Make | undefined => {
    const make = partOf(producer.inputs[0], from, rewriter, true);
    return (
      make &&
      ((name) => {
        const part = make(`${name}:${x.name}`);
        return rewriter.emit(again(part), [part], name)[0];
      })
    );
  };
  switch (op.type) {
    case 'concat':
      return op.axis === axis ? run(producer, stretch, rewriter) : across(producer, stretch, rewriter);
    case 'reshape': {
      // Only the pixels are counted differently.
      const kept = (shape: Shape) => shape.slice(0, axis + 1).join();
      if (kept(producer.inputs[0].shape) !== kept(x.shape)) return undefined;
      const shape = x.shape.map((whole, a) => (a === axis ? size : whole));
      return moved(stretch, () => ({ type: 'reshape', shape }));
    }
    case 'transpose':
      return moved({ ...stretch, axis: op.permutation[axis] }, () => op);
    default:
      return undefined;
  }
}

/** Along the concatenation's axis: whole inputs that follow each other, or a part of one. */
function run({ inputs }: Node, { axis, start, size }: Stretch, rewriter: Rewriter): Make | undefined {
  const makes: Make[] = [];
  let at = 0;
  for (const input of inputs) {
    const first = Math.max(start, at);
    const end = Math.min(start + size, at + input.shape[axis]);
    if (first < end) {
      const make = partOf(input, { axis, start: first - at, size: end - first }, rewriter, true);
      if (!make) return undefined;
      makes.push(make);
    }
    at += input.shape[axis];
  }
  return joined(makes, axis, rewriter);
}

/** Across it: the same stretch of every input. */
function across({ op, inputs }: Node, stretch: Stretch, rewriter: Rewriter): Make | undefined {
  if (op.type !== 'concat') return undefined;
  const makes = inputs.map((input) => partOf(input, stretch, rewriter, true));
  return makes.every((make) => make !== undefined) ? joined(makes, op.axis, rewriter) : undefined;
}

function joined(makes: readonly Make[], axis: number, { emit }: Rewriter): Make {
  if (makes.length === 1) return makes[0];
  return (name) => {
    const parts = makes.map((make, index) => make(`${name}:${index}`));
    return emit({ type: 'concat', axis }, parts, name)[0];
  };
}
