import type { FileGraph, FileNode } from '../../loader/model-file.ts';

/** The node that computes each value. */
export function producersOf(graph: FileGraph): ReadonlyMap<string, FileNode> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.filter(Boolean).map((output) => [output, node] as const)));
}

/** The part of a graph that some values depend on, with the inputs that it reads. */
export function ancestorsOf(graph: FileGraph, values: Iterable<string>): Pick<FileGraph, 'inputs' | 'nodes'> {
  const needed = new Set(values);
  const nodes: FileNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== '' && needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) if (input !== '') needed.add(input);
  }
  return { inputs: graph.inputs.filter((input) => needed.has(input.name)), nodes: nodes.reverse() };
}
