import type { KernelDevice } from '../../shaders/kernel-device.ts';
import { InvalidArgumentError } from '../errors.ts';

/** What the planner needs to know of a device: numbers only, so that plans can be made for devices that aren't here. */
export interface DeviceProfile extends KernelDevice {
  /** The most that one binding may span. */
  readonly maxBindingBytes: number;
}

/**
 * The optimisations of the planner, each on unless switched off by name. `shared-pipelines`: sizes and offsets are read
 * from a uniform buffer, so that layers of one form share a pipeline; without it they are constants of the text.
 * `image-by-image`: on software adapters a batch is not one plan for all images but the plan for one, repeated.
 * `shared-pools`: a step may read and write one pool, where that saves memory. `winograd`: 3 x 3 convolutions may be three
 * dispatches of fewer multiplications.
 */
export const PLAN_SWITCHES = [
  'zero-copy-concat',
  'fuse-elementwise',
  'memory-reuse',
  'shared-pools',
  'shared-pipelines',
  'image-by-image',
  'winograd',
] as const;
export type PlanSwitch = (typeof PLAN_SWITCHES)[number];
export type PlanSwitches = Readonly<Record<PlanSwitch, boolean>>;

/** @throws InvalidArgumentError if a name is unknown */
export function planSwitches(disabled: readonly string[] = []): PlanSwitches {
  const unknown = disabled.find((name) => !PLAN_SWITCHES.includes(name as PlanSwitch));
  if (unknown) {
    throw new InvalidArgumentError(
      `there is no optimisation '${unknown}'; the planner's are ${PLAN_SWITCHES.join(', ')}`,
    );
  }
  return Object.fromEntries(PLAN_SWITCHES.map((name) => [name, !disabled.includes(name)])) as Record<
    PlanSwitch,
    boolean
  >;
}
