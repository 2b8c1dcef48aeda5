import { ModelFormatError, quote } from '../../engine/errors.ts';
import type { FileGraph, StoredTensor } from '../model-file.ts';

/**
 * Checks what the format promises of a graph: it computes something, each value is made once, and before it is used.
 *
 * @throws ModelFormatError naming the node and the value.
 */
export function checkGraph(graph: FileGraph, tensors: ReadonlyMap<string, StoredTensor>, source: string): void {
  if (graph.nodes.length === 0) throw new ModelFormatError(`${source} has no nodes; it is damaged or no network`);
  if (graph.outputs.length === 0) throw new ModelFormatError(`${source} has no outputs; it is damaged or no network`);

  const known = new Set(tensors.keys());
  const define = (name: string, what: string): void => {
    if (known.has(name)) {
      throw new ModelFormatError(`${source}: ${what} ${quote(name)} exists already; the file is damaged`);
    }
    known.add(name);
  };
  for (const { name } of graph.inputs) define(name, 'graph input');
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input === '' || known.has(input)) continue;
      throw new ModelFormatError(
        `${source}: node ${quote(node.name)} uses ${quote(input)} before anything makes it; ` +
          'the file is damaged or its nodes are out of order',
      );
    }
    for (const output of node.outputs) {
      if (output !== '') define(output, `node ${quote(node.name)} makes a value, and`);
    }
  }
  for (const { name } of graph.outputs) {
    if (!known.has(name)) throw new ModelFormatError(`${source}: nothing makes the graph output ${quote(name)}`);
  }
}
