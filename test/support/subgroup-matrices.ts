import type { Kernel } from '../../shaders/kernel.ts';
import type { SubgroupMatrixShape } from '../../shaders/kernel-device.ts';

/**
 * A kernel of subgroup matrices as one that any device with subgroups can run, for testing everything around the matrices
 * where there are none. A matrix of operands is where it lies in memory; a matrix of sums is a number, and its elements are
 * in workgroup memory, each belonging to one lane.
 */
export function withoutSubgroupMatrices(kernel: Kernel, { rows, columns, depth }: SubgroupMatrixShape): Kernel {
  const elements = rows * columns;
  const sums = [...kernel.body.matchAll(/var (\w+) = Sum\(\);/g)].map(([, name]) => name);
  const definitions = `
struct Operand { offset: u32, stride: u32 }
var<workgroup> sums: array<f32, ${sums.length * elements * 4}>;
var<private> firstSum: u32;
var<private> lane: u32;
var<private> lanes: u32;
fn storeSum(offset: u32, sum: u32, stride: u32) {
  for (var i = lane; i < ${elements}u; i += lanes) {
    stagedSums[offset + i / ${columns}u * stride + i % ${columns}u] = sums[firstSum + sum * ${elements}u + i];
  }
}
fn multiply(left: Operand, right: Operand, sum: u32) {
  for (var i = lane; i < ${elements}u; i += lanes) {
    let begin = left.offset + i / ${columns}u * left.stride;
    for (var k = 0u; k < ${depth}u; k++) {
      let weight = stagedWeights[right.offset + k * right.stride + i % ${columns}u];
      sums[firstSum + sum * ${elements}u + i] += f32(stagedInput[begin + k]) * f32(weight);
    }
  }
}
`;
  const body = kernel.body
    .replace(/^alias .*$/gm, '')
    .replace(/var (\w+) = Sum\(\);/g, (_, name) => `let ${name} = ${sums.indexOf(name)}u;`)
    .replace(/subgroupMatrixLoad<\w+, row_major>\(&\w+, /g, 'Operand(')
    .replaceAll('subgroupMatrixStore<row_major>(&stagedSums, ', 'storeSum(')
    .replace(/\w+ = subgroupMatrixMultiplyAccumulate\(/g, 'multiply(')
    .replace(
      '@builtin(subgroup_id)',
      '@builtin(subgroup_invocation_id) number: u32, @builtin(subgroup_size) size: u32,\n  $&',
    )
    .replace('let regionPixel', `firstSum = subgroup * ${sums.length * elements}u; lane = number; lanes = size;\n  $&`)
    .replace('@main', `${definitions}@main`);
  return { ...kernel, features: ['subgroups'], body };
}
