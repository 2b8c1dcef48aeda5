import type { Binding, ElementType, FeatureMap } from './kernel.ts';

/** The tensors of a convolution. */
export interface ConvolutionTensors {
  readonly input: FeatureMap;
  readonly output: FeatureMap;
  /** Of the output's height, width and channels, or as many times smaller as the epilogue says that adds it. */
  readonly residual?: FeatureMap;
  readonly weightElement: ElementType;
}

/** The bindings of every convolution kernel, under their names in WGSL. The bias is always f32. */
export interface ConvolutionBindings {
  readonly input: Binding;
  readonly weights: Binding;
  readonly bias: Binding;
  readonly residual?: Binding;
  readonly output: Binding;
}

/** @param optionalResidual Whether the kernel binds a residual always: where there is none, the bias in its place */
export function convolutionBindings(
  tensors: ConvolutionTensors,
  vector: 1 | 4,
  optionalResidual = false,
): ConvolutionBindings {
  const { input, output, residual, weightElement } = tensors;
  const read = (name: string, element: ElementType): Binding => ({ name, element, vector, access: 'read' });
  return {
    input: read('input', input.element),
    weights: read('weights', weightElement),
    bias: read('bias', 'f32'),
    ...(residual
      ? { residual: read('residual', residual.element) }
      : optionalResidual
        ? { residual: { ...read('residual', 'f32'), tensor: 'bias' } }
        : {}),
    output: { name: 'output', element: output.element, vector, access: 'write' },
  };
}

/** In the order in which kernels bind them: input, weights, bias, residual where there is one, output. */
export function bindingList({ input, weights, bias, residual, output }: ConvolutionBindings): Binding[] {
  return [input, weights, bias, ...(residual ? [residual] : []), output];
}
