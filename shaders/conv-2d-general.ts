import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import { bindingList, type ConvolutionTensors, convolutionBindings } from './conv-bindings.ts';
import { windowParameters } from './conv-geometry.ts';
import { FLAT_INDEX, flatDispatch } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { epilogueLabel, residualCoordinate, residualFactor, residualParameters } from './epilogue.ts';
import { unaryExpression } from './functions.ts';
import type { FeatureMap, Kernel, Parameter } from './kernel.ts';

/**
 * Any convolution, transposed or not: any groups, kernel, stride, padding and dilation. The weights are in the layout
 * 'plain', see conv-weights.ts.
 */
export interface GeneralConvolution extends ConvolutionTensors {
  readonly transposed: boolean;
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}

const WORKGROUP_SIZE = 64;

/**
 * One output channel of one pixel for each invocation; it also fills the lanes up to a multiple of 4 with zeros. For what
 * no other kernel supports: an invocation shares nothing with its neighbours and reads single channels.
 * Bindings: input, weights, bias, residual where there is one, output; all single elements.
 */
export function generalKernel(convolution: GeneralConvolution): Kernel {
  const { input, output, residual, kernel, groups, epilogue, transposed } = convolution;
  const bindings = convolutionBindings(convolution, 1);
  const unsigned = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const signed = (name: string, value: number): Parameter => ({ name, type: 'i32', value });
  const lanes = Math.ceil(output.channels / 4) * 4;
  const dispatch = flatDispatch(output.batch * output.height * output.width * lanes, WORKGROUP_SIZE);
  const coordinates = [residualCoordinate(epilogue, 'y'), residualCoordinate(epilogue, 'x')] as const;
  const steps = epilogue.map((step) => {
    if (step.name !== 'addResidual') return `sum = ${unaryExpression(step, 'sum', 1)};`;
    if (!bindings.residual) throw new Error('The epilogue adds a residual, but there is none');
    const added = load(bindings.residual, place('residual', 'image', ...coordinates, 'channel'));
    return `sum += ${residualFactor(step.scale)}${added};`;
  });
  return {
    label: `${transposed ? 'convTranspose2d' : 'conv2d'} ${kernel.join('x')} general${epilogueLabel(epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...residualParameters(epilogue),
      ...elementParameters('input', input),
      ...elementParameters('output', output),
      ...(residual ? elementParameters('residual', residual) : []),
      ...windowParameters(convolution),
      signed('kernelHeight', kernel[0]),
      signed('kernelWidth', kernel[1]),
      unsigned('groupInputs', input.channels / groups),
      unsigned('groupOutputs', output.channels / groups),
      unsigned('channels', output.channels),
      unsigned('lanes', lanes),
      ...dispatch.parameters,
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  let pixel = index / params.lanes;
  let channel = index - pixel * params.lanes;
  let line = pixel / params.outputWidth;
  let x = pixel - line * params.outputWidth;
  let image = line / params.outputHeight;
  let y = line - image * params.outputHeight;
  let to = ${place('output', 'image', 'y', 'x', 'channel')};
  if (channel >= params.channels) {
    ${store(bindings.output, 'to', '0.0f')}
    return;
  }
  let firstInput = channel / params.groupOutputs * params.groupInputs;
  let taps = u32(params.kernelHeight * params.kernelWidth);
  var sum = bias[channel];
  for (var ky = 0; ky < params.kernelHeight; ky++) {
    ${inputCoordinate(transposed, 'Y', 'y', 'ky', 'top', 'inputHeight')}
    for (var kx = 0; kx < params.kernelWidth; kx++) {
      ${inputCoordinate(transposed, 'X', 'x', 'kx', 'left', 'inputWidth')}
      let begin = ${place('input', 'image', 'u32(fromY)', 'u32(fromX)', 'firstInput')};
      let firstWeight = channel * params.groupInputs * taps + u32(ky * params.kernelWidth + kx);
      for (var i = 0u; i < params.groupInputs; i++) {
        sum += ${load(bindings.input, 'begin + i')} * ${load(bindings.weights, 'firstWeight + i * taps')};
      }
    }
  }
  ${steps.join('\n  ')}
  ${store(bindings.output, 'to', 'sum')}
}
`,
  };
}

/** Declares the input row or column that a tap reads, and goes on with the next tap where there is none. */
function inputCoordinate(
  transposed: boolean,
  axis: 'Y' | 'X',
  output: string,
  tap: string,
  pad: string,
  size: string,
): string {
  const outside = `from${axis} < 0 || from${axis} >= i32(params.${size})`;
  if (!transposed) {
    return `let from${axis} = i32(${output}) * params.stride${axis} - params.${pad} + ${tap} * params.dilation${axis};
    if (${outside}) { continue; }`;
  }
  return `let spread${axis} = i32(${output}) + params.${pad} - ${tap} * params.dilation${axis};
    let from${axis} = spread${axis} / params.stride${axis};
    if (spread${axis} < 0 || from${axis} * params.stride${axis} != spread${axis} || ${outside}) { continue; }`;
}

/** Like `mapParameters`, in elements. */
function elementParameters(name: string, map: FeatureMap): Parameter[] {
  return [
    { name: `${name}Offset`, type: 'u32', value: map.offset },
    { name: `${name}ImageStride`, type: 'u32', value: map.imageStride },
    { name: `${name}PixelStride`, type: 'u32', value: map.pixelStride },
    { name: `${name}Height`, type: 'u32', value: map.height },
    { name: `${name}Width`, type: 'u32', value: map.width },
  ];
}

function place(name: string, image: string, y: string, x: string, channel: string): string {
  const pixel = `(${y} * params.${name}Width + ${x}) * params.${name}PixelStride`;
  return `params.${name}Offset + ${image} * params.${name}ImageStride + ${pixel} + ${channel}`;
}
