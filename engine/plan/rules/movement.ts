import type { Concat } from '../../graph/ops/concat.ts';
import type { Expand } from '../../graph/ops/expand.ts';
import type { Reshape } from '../../graph/ops/reshape.ts';
import type { Slice } from '../../graph/ops/slice.ts';
import type { Transpose } from '../../graph/ops/transpose.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Lowering, Tensor } from '../lowering.ts';
import { broadcastView, reshapeView, sliceAxis, sliceView, transposeView } from '../views.ts';

/** Ops that only say where elements lie. They cost nothing, except into a concatenation's memory. */

export function lowerTranspose(lowering: Lowering, node: Node<Transpose>): void {
  const from = lowering.tensor(node.inputs[0]);
  placeView(lowering, node, { ...from, view: transposeView(from.view, node.op.permutation) });
}

export function lowerSlice(lowering: Lowering, node: Node<Slice>): void {
  const from = lowering.tensor(node.inputs[0]);
  const { starts, sizes, steps } = node.op;
  placeView(lowering, node, { ...from, view: sliceView(from.view, starts, sizes, steps) });
}

export function lowerExpand(lowering: Lowering, node: Node<Expand>): void {
  const from = lowering.tensor(node.inputs[0]);
  placeView(lowering, node, { ...from, view: broadcastView(from.view, node.op.shape) });
}

export function lowerReshape(lowering: Lowering, node: Node<Reshape>): void {
  const [input] = node.inputs;
  const [output] = node.outputs;
  const from = lowering.tensor(input);
  const view = reshapeView(from.view, output.shape);
  if (view) {
    placeView(lowering, node, { ...from, view });
    return;
  }
  // Elements must move. The copy walks the input's shape, so the output has to be seen under that shape.
  const to = lowering.output(output);
  const target = reshapeView(to.view, input.shape);
  if (target) {
    lowering.copy(from, { ...to, view: target }, node, 'reshape moves elements');
    return;
  }
  const linear = lowering.allocate(`${output.name} row-major`, 'linear', input.shape, from.view.element);
  lowering.copy(from, linear, node, 'reshape moves elements');
  const reshaped = reshapeView(linear.view, output.shape);
  if (!reshaped) throw new Error(`${node.name}: a row-major tensor can always be reshaped`);
  lowering.copy({ ...linear, view: reshaped }, to, node, 'reshape moves elements');
}

export function lowerConcat(lowering: Lowering, node: Node<Concat>): void {
  const { axis } = node.op;
  const to = lowering.output(node.outputs[0]);
  let start = 0;
  for (const input of node.inputs) {
    const size = input.shape[axis];
    const slice: Tensor = { ...to, view: sliceAxis(to.view, axis, start, size) };
    const from = lowering.tensor(input);
    if (!samePlace(from, slice)) lowering.copy(from, slice, node, `${describe(input)} could not be written in place`);
    start += size;
  }
}

/** The output is a view of what is there already; a promised place elsewhere is filled by a copy. */
function placeView(lowering: Lowering, node: Node, viewed: Tensor): void {
  const [output] = node.outputs;
  const promised = lowering.reserved.get(output);
  if (!promised || samePlace(viewed, promised)) {
    lowering.alias(output, viewed);
    return;
  }
  lowering.alias(output, promised);
  lowering.copy(viewed, promised, node, `${describe(output)} is wanted in a concatenation`);
}

/** Whether two tensors are the same elements in the same memory. */
function samePlace(a: Tensor, b: Tensor): boolean {
  return (
    a.allocation === b.allocation &&
    a.view.offset === b.view.offset &&
    a.view.strides.every((stride, axis) => a.view.shape[axis] === 1 || stride === b.view.strides[axis])
  );
}

function describe(value: Value): string {
  return `${value.name} [${value.shape}]`;
}
