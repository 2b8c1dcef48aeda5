import { InvalidArgumentError } from '../errors.ts';
import type { Graph } from '../graph/types.ts';
import { deadCode } from './dead-code.ts';
import { foldAffine } from './fold-affine.ts';
import { foldConstants } from './fold-constants.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { mergeParallelBranches } from './merge-parallel-branches.ts';
import type { Pass } from './pass.ts';
import { recognizeActivations } from './recognize-activations.ts';
import { recognizeSoftmax } from './recognize-softmax.ts';
import { removeNoOps } from './remove-no-ops.ts';

/**
 * In order. Activations are recognised before scales are folded, because the number in x * (1 + erf(x / sqrt 2)) / 2 would
 * fold into the convolution after it. The passes of one stage repeat until none of them changes anything: a normalisation
 * after a sum of branches can fold only once the branches are merged, and what it folds into may itself be a branch.
 */
const stages: readonly (readonly Pass[])[] = [
  [deadCode],
  [foldConstants],
  [removeNoOps],
  [recognizeActivations],
  [recognizeSoftmax],
  [foldAffine, mergeParallelBranches],
  [fuseEpilogue],
];

/** Every pass, in the order in which they run. */
export const passes: readonly Pass[] = stages.flat();

export interface PassReport {
  readonly pass: string;
  /** What the pass did; empty where it changed nothing or is disabled. */
  readonly notes: readonly string[];
}

/**
 * Runs all passes but the disabled ones.
 * @throws InvalidArgumentError if a disabled name is unknown, or that of a required pass
 */
export function runPasses(
  graph: Graph,
  options: { readonly disabled?: readonly string[] } = {},
): { graph: Graph; report: PassReport[] } {
  const disabled = options.disabled ?? [];
  checkDisabled(disabled);
  const notes = new Map<Pass, string[]>(passes.map((pass) => [pass, []]));
  let current = graph;
  for (const stage of stages) {
    const enabled = stage.filter((pass) => !disabled.includes(pass.name));
    let before: Graph;
    do {
      before = current;
      for (const pass of enabled) {
        const result = pass.run(current);
        current = result.graph;
        notes.get(pass)?.push(...result.notes);
      }
    } while (stage.length > 1 && current !== before);
  }
  return { graph: current, report: Array.from(notes, ([pass, said]) => ({ pass: pass.name, notes: said })) };
}

function checkDisabled(disabled: readonly string[]): void {
  for (const name of disabled) {
    const pass = passes.find((candidate) => candidate.name === name);
    if (!pass) {
      const optional = passes.filter((candidate) => !candidate.required).map((candidate) => candidate.name);
      throw new InvalidArgumentError(
        `there is no pass '${name}' to disable; those that can be are ${optional.join(', ')}`,
      );
    }
    if (pass.required) throw new InvalidArgumentError(`the pass '${name}' can't be disabled, later stages rely on it`);
  }
}
