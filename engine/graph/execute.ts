import { denseOf } from './builder.ts';
import { sameShape } from './indexing.ts';
import { definitionOf } from './registry.ts';
import type { DenseTensor, Graph, Node, Value } from './types.ts';
import { ShapeError } from './types.ts';

/**
 * Runs a whole graph with the reference implementations: slow, and the measure of everything else. `inputs` holds a
 * tensor for the name of every graph input. Returns the outputs in the graph's order.
 * @throws ShapeError if an input is missing or of another kind or shape
 */
export function executeReference(graph: Graph, inputs: ReadonlyMap<string, DenseTensor>): DenseTensor[] {
  const results = new Map<Value, DenseTensor>();
  for (const input of graph.inputs) {
    const tensor = inputs.get(input.name);
    const expected = `${input.kind} [${input.shape}]`;
    if (!tensor) throw new ShapeError(`input ${input.name} is missing, it must be ${expected}`);
    if (tensor.kind !== input.kind || !sameShape(tensor.shape, input.shape)) {
      throw new ShapeError(`input ${input.name} must be ${expected}, it is ${tensor.kind} [${tensor.shape}]`);
    }
    results.set(input, tensor);
  }
  const lastReaders = lastReadersOf(graph);
  const resultOf = (value: Value) => (value.constant ? denseOf(value) : (results.get(value) as DenseTensor));
  for (const node of graph.nodes) {
    const outputs = definitionOf(node.op).reference(node.op, node.inputs.map(resultOf));
    node.outputs.forEach((value, index) => {
      results.set(value, outputs[index]);
    });
    // Intermediate results of a real network fill gigabytes, if all are kept.
    for (const input of node.inputs) if (lastReaders.get(input) === node) results.delete(input);
  }
  return graph.outputs.map(resultOf);
}

/** The last node that reads each value; outputs of the graph are read after all nodes and are not in it. */
function lastReadersOf(graph: Graph): Map<Value, Node> {
  const readers = new Map<Value, Node>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) readers.set(input, node);
  }
  for (const output of graph.outputs) readers.delete(output);
  return readers;
}
