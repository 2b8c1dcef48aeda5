import type { Slice } from '../graph/ops/slice.ts';
import type { Node, Value } from '../graph/types.ts';
import type { Lowering, Tensor } from './lowering.ts';
import { reshapeView, sliceAxis, untransposeView } from './views.ts';

/** A stretch of a concatenation's output along its axis, and the value that fills it. */
interface Part {
  readonly value: Value;
  readonly start: number;
  readonly size: number;
}

/**
 * Promises each input of a concatenation its slice of the output's memory, so that producers write in place and the
 * concatenation costs nothing. Outer concatenations come first (they stand later in the graph), so that nested ones land
 * in the outer one's memory.
 */
export function reserveConcatenations(lowering: Lowering): void {
  const producers = new Map<Value, Node>();
  for (const node of lowering.graph.nodes) for (const output of node.outputs) producers.set(output, node);

  /** Promises a place to a value, and to whatever the value is only a view of. Says whether the promise stands. */
  const reserve = (value: Value, place: Tensor): boolean => {
    const producer = producers.get(value);
    if (!producer || lowering.reserved.has(value) || lowering.elementOf(value) !== place.view.element) return false;
    const [source] = producer.inputs;
    const { op } = producer;
    if (op.type === 'reshape') {
      const view = reshapeView(place.view, source.shape);
      if (view) reserve(source, { allocation: place.allocation, view });
    } else if (op.type === 'transpose') {
      reserve(source, { allocation: place.allocation, view: untransposeView(place.view, op.permutation) });
    }
    lowering.reserved.set(value, place);
    return true;
  };

  for (const node of [...lowering.graph.nodes].reverse()) {
    if (node.op.type !== 'concat') continue;
    const { axis } = node.op;
    const [output] = node.outputs;
    let place = lowering.reserved.get(output);
    if (!place) {
      place = lowering.allocate(output.name, lowering.layoutOf(output), output.shape, lowering.elementOf(output));
      lowering.reserved.set(output, place);
    }
    for (const { value, start, size } of mergeSlices(node.inputs, axis, producers)) {
      reserve(value, { allocation: place.allocation, view: sliceAxis(place.view, axis, start, size) });
    }
  }
}

/**
 * The parts of a concatenation, with a run of slices that together are one whole tensor replaced by that tensor: after
 * `a, b = split(x); concat(a, b, c)` it is x that is written in place.
 */
function mergeSlices(inputs: readonly Value[], axis: number, producers: ReadonlyMap<Value, Node>): Part[] {
  const parts: Part[] = [];
  let start = 0;
  for (let index = 0; index < inputs.length; ) {
    const whole = wholeTensorAt(inputs, index, axis, producers);
    const value = whole?.value ?? inputs[index];
    const size = value.shape[axis];
    parts.push({ value, start, size });
    start += size;
    index += whole?.count ?? 1;
  }
  return parts;
}

function wholeTensorAt(
  inputs: readonly Value[],
  first: number,
  axis: number,
  producers: ReadonlyMap<Value, Node>,
): { value: Value; count: number } | undefined {
  const source = producers.get(inputs[first])?.inputs[0];
  if (!source) return undefined;
  let covered = 0;
  for (let index = first; index < inputs.length; index++) {
    const producer = producers.get(inputs[index]);
    if (producer?.op.type !== 'slice' || producer.inputs[0] !== source) return undefined;
    if (!isStretch(producer.op, source, axis, covered)) return undefined;
    covered += inputs[index].shape[axis];
    if (covered === source.shape[axis]) return { value: source, count: index - first + 1 };
  }
  return undefined;
}

/** Whether the slice takes everything on all axes but one, and on that one begins at `start` and leaves nothing out. */
function isStretch(op: Slice, source: Value, axis: number, start: number): boolean {
  return source.shape.every(
    (size, a) =>
      op.steps[a] === 1 && (a === axis ? op.starts[a] === start : op.starts[a] === 0 && op.sizes[a] === size),
  );
}
