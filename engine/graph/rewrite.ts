import { createNode } from './builder.ts';
import { sameShape } from './indexing.ts';
import type { Op } from './op.ts';
import type { Graph, Node, Value } from './types.ts';

/** The node that computes each value; graph inputs and constants have none. */
export function producersOf(graph: Graph): Map<Value, Node> {
  const producers = new Map<Value, Node>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) producers.set(output, node);
  }
  return producers;
}

/** The nodes that read each value, in order; a node that reads it twice is listed once. */
export function consumersOf(graph: Graph): Map<Value, Node[]> {
  const consumers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const known = consumers.get(input);
      if (known) known.push(node);
      else consumers.set(input, [node]);
    }
  }
  return consumers;
}

/** What a visitor of `rewrite` works with. It sees the graph as rewritten so far, up to the node that it visits. */
export interface Rewriter {
  /** Adds a node before the one visited. Its outputs are named as `createNode` says. */
  emit(op: Op, inputs: readonly Value[], name: string, outputNames?: readonly string[]): readonly Value[];
  /** The node that computes a value. */
  producerOf(value: Value): Node | undefined;
  /** How often a value is read, by nodes and as an output of the graph. */
  usesOf(value: Value): number;
  /** The place of a node in the order of execution. */
  positionOf(node: Node): number;
}

/**
 * Decides on one node, whose inputs are already replaced where earlier decisions replaced them. Returns undefined to keep
 * the node, or values that take the place of its outputs (same kind and shape).
 */
export type Visit = (node: Node, rewriter: Rewriter) => readonly Value[] | undefined;

/**
 * Walks a graph in order and builds the graph that the visitor's replacements give, without what nobody reads any more.
 * A pattern is matched at its last node, backwards, and what replaces it is emitted there: so everything it reads is
 * computed by then, and nodes of the pattern that others still read stay. Outputs of the graph keep their names. Returns
 * the same graph if nothing was replaced.
 */
export function rewrite(graph: Graph, visit: Visit): Graph {
  const nodes: Node[] = [];
  const producers = new Map<Value, Node>();
  const positions = new Map<Node, number>();
  const replaced = new Map<Value, Value>();
  const uses = countUses(graph);
  const current = (value: Value) => replaced.get(value) ?? value;
  const append = (node: Node) => {
    positions.set(node, nodes.length);
    nodes.push(node);
    for (const output of node.outputs) producers.set(output, node);
  };
  const rewriter: Rewriter = {
    emit(op, inputs, name, outputNames) {
      const node = createNode(op, inputs, name, outputNames);
      append(node);
      return node.outputs;
    },
    producerOf: (value) => producers.get(value),
    usesOf: (value) => uses.get(value) ?? 0,
    positionOf: (node) => positions.get(node) ?? -1,
  };
  for (const original of graph.nodes) {
    const moved = original.inputs.some((input) => replaced.has(input));
    const node = moved ? { ...original, inputs: original.inputs.map(current) } : original;
    const replacements = visit(node, rewriter);
    if (!replacements) {
      append(node);
      continue;
    }
    original.outputs.forEach((output, index) => {
      const replacement = replacements[index];
      if (replacement.kind !== output.kind || !sameShape(replacement.shape, output.shape)) {
        const types = `${replacement.kind} [${replacement.shape}] for ${output.kind} [${output.shape}]`;
        throw new Error(`${original.name}: a rewrite gives ${types}`);
      }
      replaced.set(output, replacement);
      uses.set(replacement, rewriter.usesOf(replacement) + rewriter.usesOf(output));
    });
  }
  if (replaced.size === 0) return graph;
  return removeDeadCode(nameOutputs({ ...graph, nodes, outputs: graph.outputs.map(current) }, graph.outputs));
}

/** The graph without nodes whose results nobody reads. Inputs stay, read or not. */
export function removeDeadCode(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs);
  const kept: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  return kept.length === graph.nodes.length ? graph : { ...graph, nodes: kept.reverse() };
}

function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>();
  for (const value of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs]) {
    uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  return uses;
}

/**
 * Output names are what callers know a network's results by, so a value that took an output's place takes its name too.
 * An input of the graph, or a value that is an output under another name, is passed through a node of its own.
 */
function nameOutputs(graph: Graph, originals: readonly Value[]): Graph {
  const copies: Node[] = [];
  const renamed = new Map<Value, Value>();
  const unavailable = new Set<Value>(graph.inputs);
  graph.outputs.forEach((output, index) => {
    if (output.name === originals[index].name) unavailable.add(output);
  });
  const outputs = graph.outputs.map((output, index): Value => {
    const { name } = originals[index];
    if (output.name === name) return output;
    const named: Value = { ...output, name };
    if (output.constant) return named;
    if (unavailable.has(output)) {
      copies.push({ op: { type: 'reshape', shape: output.shape }, name, inputs: [output], outputs: [named] });
    } else {
      renamed.set(output, named);
      unavailable.add(output);
    }
    return named;
  });
  if (renamed.size === 0 && copies.length === 0) return { ...graph, outputs };
  const current = (value: Value) => renamed.get(value) ?? value;
  const nodes = [...graph.nodes, ...copies].map(
    (node): Node => ({ ...node, inputs: node.inputs.map(current), outputs: node.outputs.map(current) }),
  );
  return { ...graph, nodes, outputs };
}
