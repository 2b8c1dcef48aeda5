import { gather, gatherElements } from '../../../shaders/gather.ts';
import { matMul } from '../../../shaders/mat-mul.ts';
import { pad } from '../../../shaders/pad.ts';
import { reduce } from '../../../shaders/reduce.ts';
import { scatterNd } from '../../../shaders/scatter-nd.ts';
import { softmax } from '../../../shaders/softmax.ts';
import { topK } from '../../../shaders/top-k.ts';
import type { Gather } from '../../graph/ops/gather.ts';
import type { GatherElements } from '../../graph/ops/gather-elements.ts';
import type { MatMul } from '../../graph/ops/mat-mul.ts';
import type { Pad } from '../../graph/ops/pad.ts';
import type { Reduce } from '../../graph/ops/reduce.ts';
import type { ScatterNd } from '../../graph/ops/scatter-nd.ts';
import type { Softmax } from '../../graph/ops/softmax.ts';
import type { TopK } from '../../graph/ops/top-k.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering } from '../lowering.ts';
import { broadcastView } from '../views.ts';

/** Ops whose kernels take any strides, so their inputs are read where they lie. */

function flopsOf(node: Node): number {
  return definitionOf(node.op).cost(node.op, node.inputs, node.outputs).flops;
}

export function lowerSoftmax(lowering: Lowering, node: Node<Softmax>): void {
  const input = lowering.tensor(node.inputs[0]);
  const output = lowering.output(node.outputs[0]);
  const { axis } = node.op;
  const kernel = softmax({ input: input.view, output: output.view, axis, padTo4: lowering.padAxis(output) });
  lowering.emit(kernel, [input, output], node, flopsOf(node));
}

export function lowerReduce(lowering: Lowering, node: Node<Reduce>): void {
  const input = lowering.tensor(node.inputs[0]);
  const output = lowering.output(node.outputs[0]);
  const kernel = reduce({ input: input.view, output: output.view, op: node.op, padTo4: lowering.padAxis(output) });
  lowering.emit(kernel, [input, output], node, flopsOf(node));
}

export function lowerMatMul(lowering: Lowering, node: Node<MatMul>): void {
  const [a, b] = node.inputs.map((input) => lowering.tensor(input));
  const output = lowering.output(node.outputs[0]);
  const { shape } = output.view;
  const batch = shape.slice(0, -2);
  const kernel = matMul({
    a: broadcastView(a.view, [...batch, ...a.view.shape.slice(-2)]),
    b: broadcastView(b.view, [...batch, ...b.view.shape.slice(-2)]),
    output: output.view,
    padTo4: lowering.padAxis(output),
    sharedAllocation: [a, b].some(({ allocation }) => allocation === output.allocation),
  });
  lowering.emit(kernel, [a, b, output], node, flopsOf(node));
}

export function lowerGather(lowering: Lowering, node: Node<Gather | GatherElements>): void {
  const [data, indices] = node.inputs.map((input) => lowering.tensor(input));
  const output = lowering.output(node.outputs[0]);
  const build = node.op.type === 'gather' ? gather : gatherElements;
  const kernel = build({
    data: data.view,
    indices: indices.view,
    output: output.view,
    axis: node.op.axis,
    padTo4: lowering.padAxis(output),
  });
  lowering.emit(kernel, [data, indices, output], node);
}

export function lowerScatterNd(lowering: Lowering, node: Node<ScatterNd>): void {
  const [data, indices, updates] = node.inputs.map((input) => lowering.tensor(input));
  const output = lowering.output(node.outputs[0]);
  lowering.copy(data, output, node, 'scatterNd replaces parts of a copy');
  const kernel = scatterNd({ indices: indices.view, updates: updates.view, output: output.view });
  lowering.emit(kernel, [indices, updates, output], node);
}

export function lowerPad(lowering: Lowering, node: Node<Pad>): void {
  const input = lowering.tensor(node.inputs[0]);
  const output = lowering.output(node.outputs[0]);
  const kernel = pad({ input: input.view, output: output.view, op: node.op, padTo4: lowering.padAxis(output) });
  lowering.emit(kernel, [input, output], node);
}

export function lowerTopK(lowering: Lowering, node: Node<TopK>): void {
  const input = lowering.tensor(node.inputs[0]);
  const [values, indices] = node.outputs.map((output) => lowering.output(output));
  const { axis, largest } = node.op;
  const kernel = topK({ input: input.view, values: values.view, indices: indices.view, axis, largest });
  lowering.emit(kernel, [input, values, indices], node, flopsOf(node));
}
