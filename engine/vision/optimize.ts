import type { ModelFile } from '../../loader/model-file.ts';
import type { Graph } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';
import { coreStages } from '../passes/core-stages.ts';
import { type PassReport, runStages, type Stages } from '../passes/run-passes.ts';
import { PLAN_SWITCHES } from '../plan/options.ts';

/**
 * Runs the graph passes that suit a graph from this file: what exporters spell out is recognised in their graphs only.
 * @param disabled names of passes to leave out
 * @throws InvalidArgumentError, ModuleLoadError
 */
export async function optimize(
  { format }: Pick<ModelFile, 'format'>,
  graph: Graph,
  disabled: readonly string[] = [],
): Promise<{ graph: Graph; report: PassReport[] }> {
  return runStages(await stagesFor(format), graph, { disabled });
}

async function stagesFor(format: ModelFile['format']): Promise<Stages> {
  if (format !== 'onnx') return coreStages;
  const { exportedStages } = await loadPart('ONNX graphs', () => import('../passes/pipeline.ts'));
  return exportedStages;
}

/** Whether a name means an optimisation of the planner; any other is taken for a graph pass. */
export function isPlanSwitch(name: string): boolean {
  return (PLAN_SWITCHES as readonly string[]).includes(name);
}
