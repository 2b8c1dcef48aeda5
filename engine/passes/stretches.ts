import type { Slice } from '../graph/ops/slice.ts';
import type { Node, Value } from '../graph/types.ts';

/** A part of a tensor that is whole on every axis but one. */
export interface Stretch {
  readonly axis: number;
  readonly start: number;
  readonly size: number;
}

/** The stretch that a node takes of its input, if it is a slice of one. */
export function stretchOf(node: Node | undefined): Stretch | undefined {
  if (node?.op.type !== 'slice') return undefined;
  const { starts, sizes, steps } = node.op;
  const cut = node.inputs[0].shape.flatMap((whole, axis) => (sizes[axis] === whole ? [] : [axis]));
  if (cut.length !== 1 || steps.some((step) => step !== 1)) return undefined;
  const [axis] = cut;
  return { axis, start: starts[axis], size: sizes[axis] };
}

/** The slice op that takes a stretch of `x`. */
export function sliceOp(x: Value, { axis, start, size }: Stretch): Slice {
  return {
    type: 'slice',
    starts: x.shape.map((_, a) => (a === axis ? start : 0)),
    sizes: x.shape.map((whole, a) => (a === axis ? size : whole)),
    steps: x.shape.map(() => 1),
  };
}
