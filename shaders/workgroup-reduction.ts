import type { ComputeType } from './element-types.ts';

/** Lanes of a workgroup that joins values. */
export const REDUCTION_LANES = 32;

/**
 * WGSL of a function `name(lane, value)` that joins the values of the `REDUCTION_LANES` lanes of a workgroup and returns
 * the same result to every lane. To be called in uniform control flow. Sums are reproducible: the order of joining is
 * fixed.
 *
 * Every lane joins all values by itself, behind a single barrier. On llvmpipe that takes 0.8 of the time of a tree with
 * its six barriers, and 32 lanes 0.4 of the time of 64 (softmax of 800 rows of 400).
 * @param combine WGSL that joins two values
 */
export function workgroupReduction(name: string, type: ComputeType, combine: (a: string, b: string) => string): string {
  return `var<workgroup> ${name}Values: array<${type}, ${REDUCTION_LANES}>;

fn ${name}(lane: u32, value: ${type}) -> ${type} {
  ${name}Values[lane] = value;
  workgroupBarrier();
  var result = ${name}Values[0];
  for (var other = 1u; other < ${REDUCTION_LANES}u; other++) { result = ${combine('result', `${name}Values[other]`)}; }
  return result;
}
`;
}
