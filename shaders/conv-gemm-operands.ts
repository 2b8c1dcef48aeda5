/**
 * How the kernels for implicit GEMM read their operands, as WGSL. The terms of the sums are gone through in steps: a tap,
 * and some vec4s of the group's input channels from `step` on. Where a step goes beyond the group's channels, the input
 * counts as zero, and the weights are any that exist.
 */

import type { ConvolutionBindings } from './conv-bindings.ts';
import type { GemmConvolution } from './conv-gemm.ts';
import { mapParameters } from './feature-map.ts';
import type { Binding, Parameter } from './kernel.ts';

/** The floating point type that operands are handed on in. */
export type OperandType = 'f32' | 'f16';

export interface GemmOperands {
  readonly parameters: readonly Parameter[];
  /** Module scope: `sourceOf(pixel, group)`, and what it returns; `readInput`. */
  readonly definitions: string;
  /** Declares `steps`, their number. */
  readonly count: string;
  /** Declares the state of the walk, at step number `begin`. */
  readonly start: string;
  /** Goes on to the next step. */
  readonly advance: string;
  /**
   * Declares what reading needs of the step that the walk has reached. From here to the end of the block, `input` and
   * `weight` may be used.
   */
  readonly step: string;
  /** A vec4 of input channels: of the pixel with this source, `lane` vec4s after the step's first. */
  readonly input: (source: string, lane: string) => string;
  /** A vec4 of weights: of an output vec4 with this `weightRow`, for input channel `channel` of the step. */
  readonly weight: (row: string, channel: string) => string;
}

/** WGSL: where the weights of an output vec4 of the group begin. It may lie beyond the group: then it is its last one. */
export function weightRow(vector: string): string {
  return `(group * params.outVectors + min(${vector}, params.outVectors - 1u)) * (params.taps * params.inVectors * 4u)`;
}

/** @param depth vec4s of input channels of a step */
export function gemmOperands(
  convolution: GemmConvolution,
  bindings: ConvolutionBindings,
  depth: number,
  type: OperandType,
): GemmOperands {
  return convolution.pointwise
    ? pointwiseOperands(convolution, bindings, depth, type)
    : windowOperands(convolution, bindings, depth, type);
}

/** One tap, and the input pixel of the output pixel's own place: no coordinates. */
function pointwiseOperands(
  { input, kernel }: GemmConvolution,
  bindings: ConvolutionBindings,
  depth: number,
  type: OperandType,
): GemmOperands {
  return {
    parameters: [...mapParameters('input', input), ...tapParameters(kernel)],
    definitions: `fn sourceOf(pixel: u32, group: u32) -> u32 {
  let size = params.inputHeight * params.inputWidth;
  let number = min(pixel, params.lastPixel);
  let image = number / size;
  return params.inputOffset + image * params.inputImageStride + (number - image * size) * params.inputPixelStride
    + group * params.inVectors;
}
fn readInput(source: u32, vector: u32) -> vec4<${type}> {
  let value = ${loadAs(bindings.input, 'source + min(vector, params.inVectors - 1u)', type)};
  return select(vec4<${type}>(0), value, vector < params.inVectors);
}
`,
    count: `let steps = (params.inVectors + ${depth - 1}u) / ${depth}u;`,
    start: `var step = begin * ${depth}u;`,
    advance: `step += ${depth}u;`,
    step: '',
    input: (source, lane) => `readInput(${source}, step + ${lane})`,
    weight: (row, channel) => weightText(bindings.weights, row, channel, '0u', type),
  };
}

/** Any kernel. The walk goes over input channels first, then over the columns of the kernel, then over its rows. */
function windowOperands(
  { input, geometry, kernel }: GemmConvolution,
  bindings: ConvolutionBindings,
  depth: number,
  type: OperandType,
): GemmOperands {
  return {
    parameters: [...mapParameters('input', input), ...geometry.parameters, ...tapParameters(kernel)],
    definitions: `struct Source { image: u32, y: i32, x: i32 }
fn sourceOf(pixel: u32, group: u32) -> Source {
  let place = placeOf(pixel);
  let image = params.inputOffset + place.x * params.inputImageStride + group * params.inVectors;
  return Source(image, ${geometry.inputRow('place.y')}, ${geometry.inputColumn('place.z')});
}
fn readInput(source: Source, shiftY: i32, shiftX: i32, vector: u32) -> vec4<${type}> {
  let y = u32(source.y + shiftY);
  let x = u32(source.x + shiftX);
  let exists = vector < params.inVectors && y < params.inputHeight && x < params.inputWidth;
  let at = select(0u, (y * params.inputWidth + x) * params.inputPixelStride + vector, exists);
  return select(vec4<${type}>(0), ${loadAs(bindings.input, 'source.image + at', type)}, exists);
}
`,
    count: `let tapRows = ${geometry.tapRowCount};
  let tapColumns = ${geometry.tapColumnCount};
  let stepsPerTap = (params.inVectors + ${depth - 1}u) / ${depth}u;
  let steps = tapRows * tapColumns * stepsPerTap;`,
    start: `let beginTap = begin / stepsPerTap;
  var step = (begin - beginTap * stepsPerTap) * ${depth}u;
  var tapRow = beginTap / max(tapColumns, 1u);
  var tapColumn = beginTap - tapRow * tapColumns;`,
    advance: `step += ${depth}u;
    if (step >= params.inVectors) {
      step = 0u;
      tapColumn++;
      if (tapColumn == tapColumns) { tapColumn = 0u; tapRow++; }
    }`,
    // Beyond the last step there is no tap any more: what is read there is never used, but must exist.
    step: `let ky = ${geometry.tapRow('tapRow')};
    let kx = ${geometry.tapColumn('tapColumn')};
    let shiftY = ${geometry.shiftRow};
    let shiftX = ${geometry.shiftColumn};
    let tapBlock = min(ky * params.kernelWidth + kx, params.taps - 1u) * params.inVectors;`,
    input: (source, lane) => `readInput(${source}, shiftY, shiftX, step + ${lane})`,
    weight: (row, channel) => weightText(bindings.weights, row, channel, 'tapBlock', type),
  };
}

/**
 * WGSL of `placeOf(pixel)`: image, row and column in the grid of a numbered pixel. Beyond the last pixel it is the last.
 */
export const PLACE_OF = `fn placeOf(pixel: u32) -> vec3<u32> {
  let number = min(pixel, params.lastPixel);
  let line = number / params.gridWidth;
  let image = line / params.gridHeight;
  return vec3<u32>(image, line - image * params.gridHeight, number - line * params.gridWidth);
}
`;

export function placeParameters({ output, geometry }: GemmConvolution): Parameter[] {
  const [height, width] = geometry.grid;
  return [
    { name: 'gridHeight', type: 'u32', value: height },
    { name: 'gridWidth', type: 'u32', value: width },
    { name: 'lastPixel', type: 'u32', value: output.batch * height * width - 1 },
  ];
}

/** A 4 x 4 block of weights is four vec4s, one for each input channel. */
function weightText(weights: Binding, row: string, channel: string, tapBlock: string, type: OperandType): string {
  const block = `${tapBlock} + min(step + (${channel} >> 2u), params.inVectors - 1u)`;
  return loadAs(weights, `${row} + (${block}) * 4u + (${channel} & 3u)`, type);
}

function tapParameters(kernel: GemmConvolution['kernel']): Parameter[] {
  return [
    { name: 'kernelHeight', type: 'u32', value: kernel[0] },
    { name: 'kernelWidth', type: 'u32', value: kernel[1] },
    { name: 'taps', type: 'u32', value: kernel[0] * kernel[1] },
  ];
}

function loadAs(binding: Binding, index: string, type: OperandType): string {
  const entry = `${binding.name}[${index}]`;
  return binding.element === type ? entry : `vec4<${type}>(${entry})`;
}
