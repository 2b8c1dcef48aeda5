import type { Graph } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';

/**
 * A graph for one image as one for several; see `setBatch`.
 * @throws UnsupportedModelError naming the node where images can't be kept apart, ModuleLoadError
 */
export async function batchedGraph(graph: Graph, images: number): Promise<Graph> {
  if (images === 1) return graph;
  const { setBatch } = await loadPart('several images at once', () => import('../passes/set-batch.ts'));
  return setBatch(graph, images);
}
