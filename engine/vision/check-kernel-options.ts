import type { ConvolutionCandidate } from '../../shaders/conv-candidate.ts';
import { InvalidArgumentError, quote } from '../errors.ts';
import type { ConvolutionLayer, Plan } from '../plan/plan.ts';
import type { KernelOptions } from './kernel-options.ts';

/**
 * Whether there is what a caller asks for.
 * @throws InvalidArgumentError that lists what there is
 */
export function checkKernelOptions(
  { prefer, pins = {} }: KernelOptions,
  plan: Plan,
  candidatesOf: (layer: ConvolutionLayer) => readonly ConvolutionCandidate[],
): void {
  const namesOf = (layers: readonly ConvolutionLayer[]) => [
    ...new Set(layers.flatMap((layer) => candidatesOf(layer).map(({ name }) => name))),
  ];
  if (prefer !== undefined) {
    const names = namesOf(plan.layers);
    if (!names.some((name) => name.startsWith(prefer))) {
      throw new InvalidArgumentError(
        `no kernel of ${plan.name} has a name that begins with ${quote(prefer)}: there ${listed(names)}`,
      );
    }
  }
  for (const [layer, kernel] of Object.entries(pins)) {
    const pinned = plan.layers.filter(({ key, node }) => key === layer || node === layer);
    if (pinned.length === 0) {
      const nodes = plan.layers.map(({ node }) => node);
      throw new InvalidArgumentError(
        `kernels.pins names ${quote(layer)}, no layer of ${plan.name}: there ${listed(nodes)}`,
      );
    }
    const names = namesOf(pinned);
    if (names.includes(kernel)) continue;
    throw new InvalidArgumentError(`the layer ${quote(layer)} has no kernel ${quote(kernel)}: there ${listed(names)}`);
  }
}

/** Networks have dozens of layers. */
const MOST_LISTED = 24;

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'is none';
  const more = names.length - MOST_LISTED;
  const quoted = names.slice(0, MOST_LISTED).map((name) => quote(name));
  return `${names.length === 1 ? 'is' : 'are'} ${quoted.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
