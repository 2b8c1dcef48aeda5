import { deadCode } from './dead-code.ts';
import { foldAffine } from './fold-affine.ts';
import { foldConstants } from './fold-constants.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { hoistActivations } from './hoist-activations.ts';
import { mergeParallelBranches } from './merge-parallel-branches.ts';
import { mergePools } from './merge-pools.ts';
import { mergeSiblings } from './merge-siblings.ts';
import { removeNoOps } from './remove-no-ops.ts';
import type { Stages } from './run-passes.ts';

/** What every graph passes first. */
export const cleaning: Stages = [[deadCode], [foldConstants], [removeNoOps]];

/**
 * What every graph passes last. Those of the first stage repeat: a normalisation after a sum of branches can fold only
 * once the branches are merged, and what it folds into may itself be a branch.
 */
export const fusing: Stages = [
  [foldAffine, mergeParallelBranches],
  [fuseEpilogue],
  [hoistActivations],
  [mergeSiblings],
  [mergePools],
];

/** All that a graph passes which we built ourselves: its operations are what they mean, nothing is spelled out. */
export const coreStages: Stages = [...cleaning, ...fusing];
