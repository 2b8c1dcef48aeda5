import type { ComputeType } from './element-types.ts';

/**
 * WGSL of a function `name(lane, value)` that joins the values of all lanes of a workgroup, a power of two, and returns
 * the same result to every lane. To be called in uniform control flow. The order of joining is fixed, so sums are
 * reproducible.
 * @param combine WGSL that joins two values
 */
export function workgroupReduction(
  name: string,
  type: ComputeType,
  lanes: number,
  combine: (a: string, b: string) => string,
): string {
  return `var<workgroup> ${name}Values: array<${type}, ${lanes}>;

fn ${name}(lane: u32, value: ${type}) -> ${type} {
  ${name}Values[lane] = value;
  workgroupBarrier();
  for (var width = ${lanes / 2}u; width > 0u; width >>= 1u) {
    if (lane < width) { ${name}Values[lane] = ${combine(`${name}Values[lane]`, `${name}Values[lane + width]`)}; }
    workgroupBarrier();
  }
  return ${name}Values[0];
}
`;
}
