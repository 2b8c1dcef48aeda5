/** What the planner needs to know of a device: numbers only, so that plans can be made for devices that aren't here. */
export interface DeviceProfile {
  readonly float16: boolean;
  readonly subgroups: boolean;
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
  readonly maxStorageBuffers: number;
  readonly maxWorkgroupBytes: number;
  readonly maxInvocations: number;
}

/** The optimisations of the planner, each on unless switched off by name. */
export const PLAN_SWITCHES = ['zero-copy-concat', 'fuse-elementwise', 'memory-reuse'] as const;
export type PlanSwitch = (typeof PLAN_SWITCHES)[number];
export type PlanSwitches = Readonly<Record<PlanSwitch, boolean>>;

export function planSwitches(disabled: readonly string[] = []): PlanSwitches {
  return Object.fromEntries(PLAN_SWITCHES.map((name) => [name, !disabled.includes(name)])) as Record<
    PlanSwitch,
    boolean
  >;
}
