import type { Binding, Kernel, Parameter } from './kernel.ts';

/**
 * How a tensor of a dispatch is bound. WebGPU forbids one buffer bound both read and read_write in a dispatch, so whatever
 * lies in a buffer that is written is bound read_write; and what lies in the very stretch that is written is no binding of
 * its own, but is read through that of the output.
 */
export interface BindingUse {
  /** The kernel's binding that it is bound as: its own index, or that of the output it shares a stretch with. */
  readonly owner: number;
  readonly access: 'read' | 'read_write';
}

export interface AssembleOptions {
  /** For each binding of the kernel; without it, each has a buffer of its own. */
  readonly uses?: readonly BindingUse[];
  /** Write parameters into the text as constants instead of reading them from a uniform buffer. */
  readonly specialize?: boolean;
}

/** Each tensor in a buffer of its own. */
export function separateUses({ bindings }: Kernel): BindingUse[] {
  const tensorOf = ({ name, tensor }: Binding) => tensor ?? name;
  return bindings.map((binding, index) => {
    const isWritten = (other: Binding) => other.access === 'write' && tensorOf(other) === tensorOf(binding);
    const owner = bindings.findIndex(isWritten);
    return owner < 0 ? { owner: index, access: 'read' } : { owner, access: 'read_write' };
  });
}

/** The complete WGSL module of a kernel. Equal text means equal pipeline. */
export function assemble(kernel: Kernel, options: AssembleOptions = {}): string {
  const uses = options.uses ?? separateUses(kernel);
  const lines: string[] = [];
  if (kernel.bindings.some((binding) => binding.element === 'f16')) lines.push('enable f16;');
  if (kernel.features?.includes('subgroups')) lines.push('enable subgroups;');
  if (kernel.features?.includes('subgroup-matrices')) lines.push('enable chromium_experimental_subgroup_matrix;');
  lines.push(declareParameters(kernel.parameters, options.specialize ?? false));
  let body = kernel.body;
  kernel.bindings.forEach((binding, index) => {
    const { owner, access } = uses[index];
    if (owner === index) {
      lines.push(declareBinding(binding, index, access));
    } else {
      const output = kernel.bindings[owner];
      if (output.element !== binding.element || output.vector !== binding.vector) {
        throw new Error(`${kernel.label}: ${binding.name} and ${output.name} share a buffer but not an element type`);
      }
      body = body.replace(new RegExp(`\\b${binding.name}\\[`, 'g'), `${output.name}[`);
    }
  });
  const attribute = `@compute @workgroup_size(${kernel.workgroupSize.join(', ')})`;
  lines.push(body.replace(/^@main$/m, attribute));
  return lines.join('\n');
}

/** Binding index of the parameters' uniform buffer: before the tensors. */
export const PARAMETER_BINDING = 0;

/** Where tensor number `index` of a kernel is bound. */
export function tensorBinding(index: number): number {
  return index + 1;
}

/** Parameters as they lie in the uniform buffer: 4 bytes each, padded to a multiple of 16 bytes. */
export function packParameters(parameters: readonly Parameter[]): ArrayBuffer {
  const buffer = new ArrayBuffer(Math.max(16, Math.ceil(parameters.length / 4) * 16));
  const view = new DataView(buffer);
  parameters.forEach((parameter, index) => {
    if (parameter.type === 'f32') view.setFloat32(index * 4, parameter.value, true);
    else if (parameter.type === 'i32') view.setInt32(index * 4, parameter.value, true);
    else view.setUint32(index * 4, parameter.value, true);
  });
  return buffer;
}

function declareParameters(parameters: readonly Parameter[], specialize: boolean): string {
  if (parameters.length === 0) return '';
  const struct = `struct Parameters {\n${parameters.map((p) => `  ${p.name}: ${p.type},`).join('\n')}\n}`;
  if (!specialize) return `${struct}\n@group(0) @binding(${PARAMETER_BINDING}) var<uniform> params: Parameters;`;
  return `${struct}\nconst params = Parameters(${parameters.map(literal).join(', ')});`;
}

function literal(parameter: Parameter): string {
  if (parameter.type === 'u32') return `${parameter.value}u`;
  if (parameter.type === 'i32') return parameter.value < 0 ? `i32(${parameter.value})` : `${parameter.value}i`;
  return floatLiteral(parameter.value);
}

/** A float32 as WGSL text, exactly. */
export function floatLiteral(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} can't be written in WGSL`);
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

function declareBinding(binding: Binding, index: number, access: BindingUse['access']): string {
  const type = binding.vector === 4 ? `vec4<${binding.element}>` : binding.element;
  return `@group(0) @binding(${tensorBinding(index)}) var<storage, ${access}> ${binding.name}: array<${type}>;`;
}
