import type { Kernel, Parameter } from './kernel.ts';

/** The largest dispatch size along one dimension that every WebGPU device takes. */
const MAX_WORKGROUPS = 65535;

/** Workgroups for `count` invocations in a row; beyond 65535 workgroups they go on in further rows, along y. */
export function dispatchSize(count: number, workgroupSize: number): Kernel['workgroups'] {
  const workgroups = Math.ceil(count / workgroupSize);
  const rows = Math.max(1, Math.ceil(workgroups / MAX_WORKGROUPS));
  if (rows > MAX_WORKGROUPS) throw new RangeError(`${count} invocations are more than one dispatch can have`);
  return [Math.ceil(workgroups / rows), rows, 1];
}

/** A dispatch of numbered invocations: its size, and the parameters that `FLAT_INDEX` reads. */
export interface FlatDispatch {
  readonly workgroups: Kernel['workgroups'];
  readonly parameters: readonly Parameter[];
}

/** `count` invocations; their number is `FLAT_INDEX`. */
export function flatDispatch(count: number, workgroupSize: number): FlatDispatch {
  const workgroups = dispatchSize(count, workgroupSize);
  return {
    workgroups,
    parameters: [
      { name: 'dispatchWidth', type: 'u32', value: workgroups[0] * workgroupSize },
      { name: 'dispatchCount', type: 'u32', value: count },
    ],
  };
}

/** WGSL that declares `index`, the number of the invocation, from `id`, the global invocation id, and ends those beyond. */
export const FLAT_INDEX = `let index = id.y * params.dispatchWidth + id.x;
  if (index >= params.dispatchCount) { return; }`;

/** `count` workgroups; their number is `WORKGROUP_INDEX`. */
export function workgroupDispatch(count: number): FlatDispatch {
  return flatDispatch(count, 1);
}

/**
 * WGSL that declares `index`, the number of the workgroup, from `group`, the workgroup id. It ends whole workgroups, so
 * barriers may follow.
 */
export const WORKGROUP_INDEX = `let index = group.y * params.dispatchWidth + group.x;
  if (index >= params.dispatchCount) { return; }`;
