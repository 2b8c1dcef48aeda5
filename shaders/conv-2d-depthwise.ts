/**
 * Depthwise convolution: four channels of `pixels` neighbours in a row for each invocation.
 *
 * FLOPs: 2 * kernel area for each output element. Bytes: input, weights, residual and output once; through the cache, every
 * tap reads a vec4 for each pixel (unrolled: for each column that the tile needs, once in each row of the kernel). There is
 * half a FLOP for each byte read, so reading bounds every form.
 *
 * On llvmpipe, relative to 4 pixels, broadcast (3 x 3, strides 1 and 2; rows: stride 1, and 1.6 for 7 x 7, 0.9 for stride
 * 2):
 *
 *     form          speed  time to compile
 *     4 broadcast   1      1
 *     8 broadcast   1      1.9
 *     2 broadcast   0.85   0.75
 *     1 broadcast   0.65   0.6
 *     4 rows        1.35   1.3
 *     8 rows        1.3    2
 *     1 rows        0.7    0.8
 *     4 compact     0.95   1
 *     4 unrolled    1      6
 *     1 unrolled    0.45   3.5
 *     (general)     0.2    0.4
 *
 * On graphics cards nothing here has been measured yet.
 */

import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import {
  bindingList,
  type ConvolutionBindings,
  type ConvolutionTensors,
  convolutionBindings,
} from './conv-bindings.ts';
import { windowParameters } from './conv-geometry.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import {
  type EpilogueText,
  epilogueLabel,
  epilogueText,
  residualPlaces,
  resultText,
  sharedEpilogueText,
} from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Kernel, Parameter } from './kernel.ts';
import { range } from './range.ts';

/**
 * A convolution of each channel by itself: groups = input channels = output channels. The weights are in the layout
 * 'depthwise', see conv-weights.ts.
 */
export interface DepthwiseConvolution extends ConvolutionTensors {
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilations: readonly [number, number];
  readonly epilogue: readonly EpilogueStep[];
}

/**
 * - compact: taps are loops, so that one pipeline does for every kernel size, stride and dilation. Invocations of a
 *   workgroup share their channels.
 * - broadcast: compact, and the invocations of a subgroup load a row of the kernel together. No subgroup of the device has
 *   fewer invocations than the kernel has columns.
 * - rows: taps of a row of the kernel are text, and rows a loop; an input that several of an invocation's pixels need is
 *   read once for each row. Invocations share their channels, and load a row of the kernel together as in 'broadcast'.
 * - unrolled: taps are text; an input that several of an invocation's pixels need is read once. Neighbouring invocations
 *   have neighbouring channels, so that a subgroup reads whole stretches of memory.
 */
export type DepthwiseForm = 'compact' | 'broadcast' | 'rows' | 'unrolled';

/** Small where a processor computes: less of the last workgroup is wasted. */
const WORKGROUP_SIZES = { compact: 16, broadcast: 16, rows: 32, unrolled: 64 } as const satisfies Record<
  DepthwiseForm,
  number
>;

/**
 * Four channels of `pixels` neighbours in a row for each invocation.
 * Bindings: input, weights, bias, residual where there is one, output.
 */
export function depthwiseKernel(convolution: DepthwiseConvolution, form: DepthwiseForm, pixels: number): Kernel {
  const { input, output, residual, kernel } = convolution;
  const epilogue = (form === 'unrolled' ? epilogueText : sharedEpilogueText)(convolution.epilogue);
  const bindings = convolutionBindings(convolution, 4, epilogue.residual === 'optional');
  const workgroup = WORKGROUP_SIZES[form];
  const vectors = channelVectors(output);
  const tilesPerRow = Math.ceil(output.width / pixels);
  const tiles = output.batch * output.height * tilesPerRow;
  const [columns, rows] = dispatchSize(form === 'unrolled' ? tiles * vectors : tiles, workgroup);
  const unsigned = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  return {
    label: `conv2d ${kernel.join('x')} depthwise ${pixels} ${form}${epilogueLabel(convolution.epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...epilogue.parameters,
      ...mapParameters('input', input),
      ...mapParameters('output', output),
      ...residualPlaces(epilogue, residual, output).flatMap((map) => mapParameters('residual', map)),
      ...windowParameters(convolution),
      unsigned('kernelHeight', kernel[0]),
      unsigned('kernelWidth', kernel[1]),
      unsigned('vectors', vectors),
      unsigned('tilesPerRow', tilesPerRow),
      unsigned('tiles', tiles),
      unsigned('tilePixels', pixels),
      unsigned('dispatchColumns', columns),
    ],
    workgroupSize: [workgroup, 1, 1],
    workgroups: [columns, form === 'unrolled' ? 1 : vectors, rows],
    features: loadsTogether(form) ? ['subgroups'] : [],
    body: bodyText(convolution, form, pixels, bindings, epilogue),
  };
}

function loadsTogether(form: DepthwiseForm): boolean {
  return form === 'broadcast' || form === 'rows';
}

/** Names that end in a number belong to pixel p of the tile. */
function bodyText(
  convolution: DepthwiseConvolution,
  form: DepthwiseForm,
  pixels: number,
  bindings: ConvolutionBindings,
  epilogue: EpilogueText,
): string {
  const { residual, output } = bindings;
  const place = (name: string) =>
    [
      `let ${name}Place = params.${name}Offset + image * params.${name}ImageStride + vector`,
      ` + (row * params.${name}Width + column) * params.${name}PixelStride;`,
    ].join('');
  const storeText = (sum: string, p: string, after = '') => {
    const result = resultText(epilogue, residual, {
      name: 'result',
      sum,
      place: 'residualPlace + step * params.residualPixelStride',
      exists: 'exists',
    });
    return `{
    let exists = inside && column + ${p} < params.outputWidth;
    let step = select(0u, ${p}, exists);
    ${result}
    if (exists) { ${store(output, 'outputPlace + step * params.outputPixelStride', 'result')} }
    ${after}
  }`;
  };
  const sums = range(pixels).map((p) => `sum${p}`);
  const stores =
    form === 'unrolled'
      ? sums.map((sum, p) => storeText(sum, `${p}u`)).join('\n  ')
      : // The sums move up by one; see `loopedStores` of conv-tile-text.ts. The bound is no constant, lest it is unrolled.
        `for (var p = 0u; p < params.tilePixels; p++) ${storeText(
          'sum0',
          'p',
          sums
            .slice(1)
            .map((sum, p) => `sum${p} = ${sum};`)
            .join(' '),
        )}`;
  const invocation = `(workgroup.z * params.dispatchColumns + workgroup.x) * ${WORKGROUP_SIZES[form]}u + local`;
  const numbers =
    form === 'unrolled'
      ? `let number = ${invocation};
  let tileNumber = number / params.vectors;
  let vector = number - tileNumber * params.vectors;`
      : `let tileNumber = ${invocation};
  let vector = workgroup.y;`;
  return `${epilogue.definition}
@main
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  ${loadsTogether(form) ? '@builtin(subgroup_invocation_id) invocation: u32,' : ''}
) {
  ${numbers}
  let inside = tileNumber < params.tiles;
  let tile = min(tileNumber, params.tiles - 1u);
  let line = tile / params.tilesPerRow;
  let column = (tile - line * params.tilesPerRow) * ${pixels}u;
  let image = line / params.outputHeight;
  let row = line - image * params.outputHeight;
  let fromY = i32(row) * params.strideY - params.top;
  let fromX = i32(column) * params.strideX - params.left;
  let first = params.inputOffset + image * params.inputImageStride + vector;
  ${sums.map((sum, p) => `var ${sum} = ${p === 0 ? 'bias[vector]' : 'sum0'};`).join(' ')}
  ${tapsText(convolution, form, pixels, bindings)}
  ${place('output')}
  ${residual ? place('residual') : ''}
  ${stores}
}
`;
}

function tapsText(
  convolution: DepthwiseConvolution,
  form: DepthwiseForm,
  pixels: number,
  bindings: ConvolutionBindings,
): string {
  if (form === 'unrolled') return unrolledTaps(convolution, pixels, bindings);
  return form === 'rows' ? rowTaps(convolution, pixels, bindings) : loopedTaps(form, pixels, bindings);
}

function loopedTaps(form: DepthwiseForm, pixels: number, bindings: ConvolutionBindings): string {
  const weights = bindings.weights;
  const broadcast = form === 'broadcast';
  const reads = range(pixels).map(
    (p) => `{
        let x = u32(fromX + ${p} * params.strideX + shift);
        let padding = outside || x >= params.inputWidth;
        let at = select(first + (y * params.inputWidth + x) * params.inputPixelStride, first, padding);
        sum${p} += weight * select(${load(bindings.input, 'at')}, vec4<f32>(0), padding);
      }`,
  );
  const lane = 'min(invocation, params.kernelWidth - 1u)';
  const weightAt = (kx: string) => load(weights, `(ky * params.kernelWidth + ${kx}) * params.vectors + vector`);
  return `for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let y = u32(fromY + i32(ky) * params.dilationY);
    let outside = y >= params.inputHeight;
    ${broadcast ? `let weightRow = ${weightAt(lane)};` : ''}
    for (var kx = 0u; kx < params.kernelWidth; kx++) {
      let shift = i32(kx) * params.dilationX;
      let weight = ${broadcast ? 'subgroupShuffle(weightRow, kx)' : weightAt('kx')};
      ${reads.join('\n      ')}
    }
  }`;
}

/** For each row of the kernel, every input column that any pixel of the tile needs, once. */
function unrolledTaps(convolution: DepthwiseConvolution, pixels: number, bindings: ConvolutionBindings): string {
  const { kernel, dilations } = convolution;
  const columns = neededColumns(convolution, pixels);
  const rows = range(kernel[0]).map((ky) => {
    const weights = range(kernel[1]).map((kx) =>
      load(bindings.weights, `${ky * kernel[1] + kx}u * params.vectors + vector`),
    );
    return `{
    let y = u32(fromY + ${ky * dilations[0]});
    ${rowText(convolution, pixels, bindings, columns, weights)}
  }`;
  });
  return [columnPlaces(columns), ...rows].join('\n  ');
}

/** The same as a loop over the rows of the kernel. */
function rowTaps(convolution: DepthwiseConvolution, pixels: number, bindings: ConvolutionBindings): string {
  const { kernel } = convolution;
  const columns = neededColumns(convolution, pixels);
  const weights = range(kernel[1]).map((kx) => `subgroupBroadcast(weightRow, ${kx}u)`);
  const lane = `min(invocation, ${kernel[1] - 1}u)`;
  return `${columnPlaces(columns)}
  for (var ky = 0u; ky < params.kernelHeight; ky++) {
    let y = u32(fromY + i32(ky) * params.dilationY);
    let weightRow = ${load(bindings.weights, `(ky * ${kernel[1]}u + ${lane}) * params.vectors + vector`)};
    ${rowText(convolution, pixels, bindings, columns, weights)}
  }`;
}

/** The input column, counted from the tile's first, that a pixel's tap reads. */
function columnOf({ strides, dilations }: DepthwiseConvolution, p: number, kx: number): number {
  return p * strides[1] + kx * dilations[1];
}

function neededColumns(convolution: DepthwiseConvolution, pixels: number): number[] {
  const taps = range(convolution.kernel[1]);
  return [...new Set(range(pixels).flatMap((p) => taps.map((kx) => columnOf(convolution, p, kx))))];
}

function columnPlaces(columns: readonly number[]): string {
  return columns.map((column) => `let x${column} = u32(fromX + ${column});`).join('\n  ');
}

/** Reads row `y` of the input and adds its products with a row of the kernel, `weights`. */
function rowText(
  convolution: DepthwiseConvolution,
  pixels: number,
  bindings: ConvolutionBindings,
  columns: readonly number[],
  weights: readonly string[],
): string {
  const reads = columns.map((column) => {
    const value = load(bindings.input, `select(start + x${column} * params.inputPixelStride, first, outside${column})`);
    return `let outside${column} = outside || x${column} >= params.inputWidth;
    let input${column} = select(${value}, vec4<f32>(0), outside${column});`;
  });
  const products = weights.flatMap((weight, kx) => [
    `let weight${kx} = ${weight};`,
    ...range(pixels).map((p) => `sum${p} += input${columnOf(convolution, p, kx)} * weight${kx};`),
  ]);
  return `let outside = y >= params.inputHeight;
    let start = first + y * params.inputWidth * params.inputPixelStride;
    ${[...reads, ...products].join('\n    ')}`;
}
