import { InvalidArgumentError } from '../errors.ts';
import type { Graph } from '../graph/types.ts';
import type { Pass } from './pass.ts';

/** Passes in order. Those of one stage repeat until none of them changes anything. */
export type Stages = readonly (readonly Pass[])[];

export interface PassReport {
  readonly pass: string;
  /** What the pass did; empty where it changed nothing or is disabled. */
  readonly notes: readonly string[];
}

export interface PassOptions {
  /** Names of passes to leave out. */
  readonly disabled?: readonly string[];
}

/**
 * Runs all passes but the disabled ones.
 * @throws InvalidArgumentError if a disabled name is unknown, or that of a required pass
 */
export function runStages(
  stages: Stages,
  graph: Graph,
  { disabled = [] }: PassOptions = {},
): { graph: Graph; report: PassReport[] } {
  const passes = stages.flat();
  checkDisabled(passes, disabled);
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

function checkDisabled(passes: readonly Pass[], disabled: readonly string[]): void {
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
