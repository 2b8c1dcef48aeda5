import type { Graph } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';
import { lowerConv2d, lowerConvTranspose2d } from './rules/convolution.ts';
import { lowerElementwise } from './rules/elementwise.ts';
import { lowerConcat, lowerExpand, lowerReshape, lowerSlice, lowerTranspose } from './rules/movement.ts';
import { lowerPool2d } from './rules/pool-2d.ts';
import type { LoweringRules } from './rules/rule.ts';

/** For the ops that convolutional detectors are made of. */
export const commonRules = {
  averagePool2d: lowerPool2d,
  binary: lowerElementwise,
  cast: lowerElementwise,
  concat: lowerConcat,
  conv2d: lowerConv2d,
  convTranspose2d: lowerConvTranspose2d,
  expand: lowerExpand,
  maxPool2d: lowerPool2d,
  reshape: lowerReshape,
  select: lowerElementwise,
  slice: lowerSlice,
  transpose: lowerTranspose,
  unary: lowerElementwise,
} satisfies LoweringRules;

/**
 * The rules for a graph's ops. Those that only some graphs need, and the kernels that they choose, are loaded when one does.
 * @throws ModuleLoadError
 */
export async function rulesFor(graph: Graph): Promise<LoweringRules> {
  if (graph.nodes.every(({ op }) => op.type in commonRules)) return commonRules;
  const { furtherRules } = await loadPart('further operators', () => import('./further-rules.ts'));
  return { ...commonRules, ...furtherRules } satisfies Required<LoweringRules>;
}
