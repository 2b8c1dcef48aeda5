import { InvalidArgumentError } from '../engine/errors.ts';
import type { Graph } from '../engine/graph/types.ts';
import type { Contract, ContractOverrides, HeadContract } from './contract.ts';

/**
 * A contract with a caller's overrides.
 * @throws InvalidArgumentError where they contradict the network
 */
export function completeContract(contract: Contract, graph: Graph, overrides: ContractOverrides): Contract {
  const head = overrides.head ?? contract.head;
  requireOutputs(head, graph);
  const labels = overrides.labels ?? contract.labels;
  if (labels.length !== head.classCount) {
    throw new InvalidArgumentError(`${labels.length} labels are given, and the network has ${head.classCount} classes`);
  }
  return {
    ...contract,
    family: overrides.family ?? contract.family,
    input: { ...contract.input, ...overrides.input },
    head,
    labels,
    defaults: { ...contract.defaults, ...overrides.defaults },
  };
}

function requireOutputs(head: HeadContract, graph: Graph): void {
  const slices = head.kind === 'endToEnd' ? [head.detections] : [head.boxes, head.scores, head.objectness];
  for (const slice of slices) {
    if (!slice) continue;
    const output = graph.outputs.find(({ name }) => name === slice.output);
    if (!output) throw new InvalidArgumentError(`the network has no output "${slice.output}" for its head to read`);
    const attributes = output.shape[slice.attributeAxis] ?? 0;
    if (slice.start + slice.count > attributes) {
      throw new InvalidArgumentError(
        `the head reads ${slice.count} attributes from ${slice.start} of "${slice.output}", which is ${output.shape.join('x')}`,
      );
    }
  }
}
