import type { Kernel } from './kernel.ts';

/**
 * Kernels that do one thing as fast as a device can: what others are measured against. Which form of one is fastest depends
 * on the device, so there are several.
 */

/**
 * A form of the multiply-add kernel. Too few independent accumulators leave the arithmetic waiting for its own results; too
 * many don't fit into registers.
 */
export interface MultiplyAddForm {
  /** Components of an accumulator. */
  readonly lanes: 1 | 2 | 4;
  readonly accumulators: number;
  /** Multiply-adds of each accumulator per turn of the loop, written out: on llvmpipe a turn costs a select for each. */
  readonly steps: number;
}

/**
 * On llvmpipe with AVX2 the first two are fastest and the last takes three times as long per operation; GPUs prefer
 * vectors, in float16 above all.
 */
export const MULTIPLY_ADD_FORMS: readonly MultiplyAddForm[] = [
  { lanes: 1, accumulators: 10, steps: 16 },
  { lanes: 2, accumulators: 5, steps: 16 },
  { lanes: 4, accumulators: 2, steps: 16 },
  { lanes: 4, accumulators: 4, steps: 8 },
  { lanes: 4, accumulators: 8, steps: 8 },
];

const WORKGROUP_SIZE = 256;

/** How much work a multiply-add kernel does. Kernels that differ in this only share a pipeline. */
export interface MultiplyAddWork {
  /** A multiple of 256. */
  readonly invocations: number;
  /** Turns of the loop. */
  readonly turns: number;
}

/** What `multiplyAdd` writes: one vec4 an invocation. */
export function multiplyAddBytes(element: 'f32' | 'f16', invocations: number): number {
  return invocations * (element === 'f16' ? 8 : 16);
}

/** The operations of a run; multiply and add count as two. */
export function multiplyAddFlops(
  { lanes, accumulators, steps }: MultiplyAddForm,
  { invocations, turns }: MultiplyAddWork,
): number {
  return invocations * lanes * accumulators * steps * turns * 2;
}

/** Nothing but multiply-adds, in the element's own arithmetic. */
export function multiplyAdd(
  form: MultiplyAddForm,
  element: 'f32' | 'f16',
  { invocations, turns }: MultiplyAddWork,
): Kernel {
  const { lanes, accumulators, steps } = form;
  const type = lanes === 1 ? element : `vec${lanes}<${element}>`;
  const names = Array.from({ length: accumulators }, (_, index) => `a${index}`);
  const step = names.map((name) => `    ${name} = fma(${name}, x, y);`).join('\n');
  const sum = names.join(' + ');
  const result = { 1: 'vec4(sum)', 2: 'vec4(sum, sum)', 4: 'sum' }[lanes];
  return {
    label: `multiply-add ${element} ${accumulators} of ${lanes}`,
    bindings: [{ name: 'result', element, vector: 4, access: 'write' }],
    parameters: [{ name: 'turns', type: 'u32', value: turns }],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [invocations / WORKGROUP_SIZE, 1, 1],
    // a = a * x + y with x a little below 1 stays of ordinary size, and no compiler can know the result.
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = ${type}(${element}(f32(id.x % 64u) * 1e-3 + 0.9));
  let y = ${type}(${element}(0.1));
${names.map((name, index) => `  var ${name} = ${type}(${index});`).join('\n')}
  for (var turn = 0u; turn < params.turns; turn++) {
${Array.from({ length: steps }, () => step).join('\n')}
  }
  let sum = ${sum};
  result[id.x] = ${result};
}`,
  };
}

/** A form of the copy: how many vec4s an invocation moves, next to each other or a workgroup's size apart. */
export interface CopyForm {
  readonly vectors: number;
  readonly apart: boolean;
}

export const COPY_FORMS: readonly CopyForm[] = [
  { vectors: 4, apart: true },
  { vectors: 8, apart: true },
  { vectors: 4, apart: false },
];

/** Copies `bytes` bytes, a multiple of 32 KiB and at most 2 GiB. */
export function memoryCopy({ vectors, apart }: CopyForm, bytes: number): Kernel {
  const first = apart ? `group.x * ${WORKGROUP_SIZE * vectors}u + lane` : `id.x * ${vectors}u`;
  const stride = apart ? WORKGROUP_SIZE : 1;
  const moves = Array.from({ length: vectors }, (_, index) => {
    const position = `first + ${index * stride}u`;
    return `  destination[${position}] = source[${position}];`;
  });
  return {
    label: `copy ${vectors} ${apart ? 'apart' : 'in a row'}`,
    bindings: [
      { name: 'source', element: 'f32', vector: 4, access: 'read' },
      { name: 'destination', element: 'f32', vector: 4, access: 'write' },
    ],
    parameters: [],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [bytes / 16 / vectors / WORKGROUP_SIZE, 1, 1],
    body: `@main
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = ${first};
${moves.join('\n')}
}`,
  };
}
