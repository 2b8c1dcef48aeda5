import type { KernelChoices } from '../../shaders/conv-candidate.ts';
import { bytesPerElement } from '../../shaders/kernel.ts';
import type { Graph, Value } from '../graph/types.ts';
import { reserveConcatenations } from './concatenation.ts';
import { Lowering, type PendingStep } from './lowering.ts';
import { commonRules } from './lowering-rules.ts';
import { alignBytes, type Lifetime, planMemory, reportMemory } from './memory.ts';
import type { DeviceProfile, PlanSwitches } from './options.ts';
import type { Allocation, Place, Plan, PlanTensor } from './plan.ts';
import { type LoweringRules, lowerNode } from './rules/rule.ts';

/**
 * Lowers a graph to dispatches on placed memory. Pure: the same graph, profile and choices give the same plan.
 * @param rules for the graph's ops, see `rulesFor`
 */
export function compilePlan(
  graph: Graph,
  precision: ReadonlyMap<Value, 'float32' | 'float16'>,
  device: DeviceProfile,
  switches: PlanSwitches,
  kernels: KernelChoices = {},
  rules: LoweringRules = commonRules,
): Plan {
  const lowering = new Lowering(graph, precision, device, switches, kernels);
  for (const input of graph.inputs) lowering.output(input);
  if (switches['zero-copy-concat']) reserveConcatenations(lowering);
  for (const node of graph.nodes) lowerNode(rules, lowering, node);

  const border = (value: Value): PlanTensor => {
    const { allocation, view } = lowering.tensor(value);
    return { name: value.name, kind: value.kind, shape: value.shape, allocation, view };
  };
  const inputs = graph.inputs.map(border);
  const outputs = graph.outputs.map(border);
  const { allocations, pools, weightBytes, memory, notes } = placeAllocations(lowering, inputs, outputs);
  return {
    name: graph.name,
    steps: lowering.steps,
    layers: lowering.layers,
    allocations,
    pools,
    weightBytes,
    inputs,
    outputs,
    memory,
    notes: [...lowering.notes, ...notes],
  };
}

function placeAllocations(lowering: Lowering, inputs: readonly PlanTensor[], outputs: readonly PlanTensor[]) {
  const { steps, allocations: pending, switches, device } = lowering;
  const bytesOf = (index: number) => pending[index].elements * bytesPerElement(pending[index].element);
  const lifetimes = findLifetimes(steps, inputs, outputs, pending.length, switches['memory-reuse']);

  // Only activations that a step touches need memory; a promise that nobody kept needs none.
  const active = pending.map((_, index) => index).filter((index) => !pending[index].contents && lifetimes[index]);
  const slot = new Map(active.map((index, position) => [index, position]));
  const activeLifetimes = active.map((index): Lifetime => ({ bytes: bytesOf(index), ...(lifetimes[index] as Span) }));
  const accesses = steps.map((step) => accessOf(step, slot));
  const {
    places: activePlaces,
    pools,
    sharingSteps,
  } = planMemory(activeLifetimes, accesses, {
    sharePools: switches['shared-pools'],
    maxPoolBytes: device.maxBindingBytes,
  });

  let weightBytes = 0;
  let weightTotal = 0;
  const places = pending.map((allocation, index): Place => {
    if (!allocation.contents) return activePlaces[slot.get(index) ?? -1] ?? { pool: 0, offset: 0 };
    const offset = weightBytes;
    weightBytes += alignBytes(bytesOf(index));
    weightTotal += bytesOf(index);
    return { pool: 'weights', offset };
  });
  const allocations = pending.map(
    ({ label, contents }, index): Allocation => ({ label, bytes: bytesOf(index), place: places[index], contents }),
  );
  const memory = reportMemory(weightTotal, activeLifetimes, pools, steps.length);
  const notes = sharingSteps > 0 ? [`${sharingSteps} of ${steps.length} dispatches read and write one pool`] : [];
  return { allocations, pools, weightBytes, memory, notes };
}

interface Span {
  firstStep: number;
  lastStep: number;
}

/** From the first step that touches an allocation to the last. Inputs live from the start, outputs to the end. */
function findLifetimes(
  steps: readonly PendingStep[],
  inputs: readonly PlanTensor[],
  outputs: readonly PlanTensor[],
  count: number,
  reuse: boolean,
): (Span | undefined)[] {
  const spans = new Array<Span | undefined>(count).fill(undefined);
  const touch = (index: number, step: number) => {
    const span = spans[index];
    if (!span) spans[index] = { firstStep: step, lastStep: step };
    else span.lastStep = Math.max(span.lastStep, step);
  };
  for (const input of inputs) touch(input.allocation, 0);
  steps.forEach((step, index) => {
    for (const allocation of step.tensors) touch(allocation, index);
  });
  for (const output of outputs) touch(output.allocation, steps.length);
  if (!reuse) for (const span of spans) if (span) Object.assign(span, { firstStep: 0, lastStep: steps.length });
  return spans;
}

function accessOf(step: PendingStep, slot: ReadonlyMap<number, number>) {
  const pick = (access: 'read' | 'write') =>
    step.tensors
      .filter((_, binding) => step.kernel.bindings[binding].access === access)
      .flatMap((allocation) => slot.get(allocation) ?? []);
  return { reads: pick('read'), writes: pick('write') };
}
