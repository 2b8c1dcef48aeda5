import { addsResidual } from '../graph/epilogue.ts';
import type { Conv2d } from '../graph/ops/conv-2d.ts';
import { consumersOf } from '../graph/rewrite.ts';
import type { Graph, Node, Value } from '../graph/types.ts';

/** Whether a node's result can be a part of a larger one's. */
export function isMergeable(node: Node): node is Node<Conv2d> {
  const { op, inputs, outputs } = node;
  if (op.type !== 'conv2d' || op.groups !== 1 || addsResidual(op.epilogue)) return false;
  // Parts begin at whole vec4s.
  return inputs[1].constant !== undefined && inputs[2].constant !== undefined && outputs[0].shape[1] % 4 === 0;
}

/** Who reads a value, and whether they mind where it lies. */
export class PartReaders {
  readonly #consumers: Map<Value, Node[]>;
  readonly #outputs: ReadonlySet<Value>;

  constructor(graph: Graph) {
    this.#consumers = consumersOf(graph);
    this.#outputs = new Set(graph.outputs);
  }

  /** Whether no reader would have to copy a part of a larger tensor. */
  readAnywhere(value: Value, besides?: Node): boolean {
    const readers = this.#consumers.get(value) ?? [];
    return !this.#outputs.has(value) && readers.every((reader) => reader === besides || !moves(reader));
  }

  /** The one concatenation that a value is the first or the last part of. */
  joinOf(value: Value): { concat: Node; side: 'first' | 'last' } | undefined {
    const concats = (this.#consumers.get(value) ?? []).filter(({ op }) => op.type === 'concat' && op.axis === 1);
    const [concat] = concats;
    if (concats.length !== 1 || !this.readAnywhere(value, concat) || !this.readAnywhere(concat.outputs[0]))
      return undefined;
    const places = concat.inputs.flatMap((input, index) => (input === value ? [index] : []));
    if (places.length !== 1 || concat.inputs.length < 2) return undefined;
    if (places[0] === concat.inputs.length - 1) return { concat, side: 'last' };
    return places[0] === 0 ? { concat, side: 'first' } : undefined;
  }
}

/** Whether a node wants its input at a place of its own choice. */
function moves({ op }: Node): boolean {
  return op.type === 'concat' || op.type === 'reshape' || op.type === 'transpose' || op.type === 'slice';
}
