import type { Binding, ElementType } from './kernel.ts';

/** The WGSL type in which elements are computed with. */
export type ComputeType = 'f32' | 'i32' | 'u32';

export function computeType(element: ElementType): ComputeType {
  return element === 'f16' ? 'f32' : element;
}

/** `type`, or the vec4 of it. */
export function vectorType(type: ElementType, width: 1 | 4): string {
  return width === 4 ? `vec4<${type}>` : type;
}

/** WGSL that reads entry `index` of a binding in the type that it is computed with. */
export function load(binding: Binding, index: string): string {
  const entry = `${binding.name}[${index}]`;
  return binding.element === 'f16' ? `${vectorType('f32', binding.vector)}(${entry})` : entry;
}

/** WGSL that writes `value`, of the compute type of the binding, to entry `index`. */
export function store(binding: Binding, index: string, value: string): string {
  const stored = binding.element === 'f16' ? `${vectorType('f16', binding.vector)}(${value})` : value;
  return `${binding.name}[${index}] = ${stored};`;
}

/** WGSL of zero in a binding's compute type. */
export function zero(binding: Binding): string {
  return `${vectorType(computeType(binding.element), binding.vector)}(0)`;
}
