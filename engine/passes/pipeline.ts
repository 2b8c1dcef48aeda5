import type { Graph } from '../graph/types.ts';
import { cleaning, fusing } from './core-stages.ts';
import { foldSpaceToDepth } from './fold-space-to-depth.ts';
import type { Pass } from './pass.ts';
import { recognizeActivations } from './recognize-activations.ts';
import { recognizeAttention } from './recognize-attention.ts';
import { recognizeDistanceBoxes } from './recognize-distance-boxes.ts';
import { recognizeSoftmax } from './recognize-softmax.ts';
import { type PassOptions, type PassReport, runStages, type Stages } from './run-passes.ts';
import { separateHeads } from './separate-heads.ts';
import { splitConcatenations } from './split-concatenations.ts';
import { splitUpsampled } from './split-upsampled.ts';

/**
 * Activations are recognised before scales are folded, because the number in x * (1 + erf(x / sqrt 2)) / 2 would fold into
 * the convolution after it.
 */
const recognizing: Stages = [
  [splitConcatenations],
  [foldSpaceToDepth],
  [recognizeActivations],
  [recognizeSoftmax],
  [recognizeDistanceBoxes],
];

/** All that an exported graph passes, in order. */
export const exportedStages: Stages = [
  ...cleaning,
  ...recognizing,
  ...fusing,
  [separateHeads],
  [recognizeAttention],
  [splitUpsampled],
];

/** Every pass, in the order in which they run. */
export const passes: readonly Pass[] = exportedStages.flat();

/** `runStages` of an exported graph. */
export function runPasses(graph: Graph, options?: PassOptions): { graph: Graph; report: PassReport[] } {
  return runStages(exportedStages, graph, options);
}
