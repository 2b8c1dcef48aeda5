/**
 * Depthwise convolution through workgroup memory: a workgroup copies a window of the input, of four vec4s of channels, and
 * each invocation computes four neighbours of one vec4 in a row from it. For large kernels, where every input is needed by
 * many outputs (49 of a 7 x 7); of small ones the caches do as well without waiting.
 *
 * FLOPs: 2 * kernel area for each output element. Bytes: weights, residual and output once; of the input, a window of
 * (8 * stride + kernel - stride) squared for each 8 x 8 of the output, 3 times the output for 7 x 7; through workgroup
 * memory, 16 for every column of a row of the kernel that the four pixels need, and 16 for every weight.
 *
 * On llvmpipe it has 0.8 of the speed of the broadcast form (7 x 7). On graphics cards nothing here has been measured yet.
 */

import type { DepthwiseConvolution } from './conv-2d-depthwise.ts';
import { bindingList, convolutionBindings } from './conv-bindings.ts';
import { windowParameters } from './conv-geometry.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { epilogueLabel, epilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Kernel, Parameter } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';
import { range } from './range.ts';

/** The workgroup's tile of the output, and the invocation's: neighbours in a row. */
const SIDE = 8;
const PIXELS = 4;
/** vec4s of channels of a workgroup: 64 bytes in a row of memory. */
const VECTORS = 4;
const WORKGROUP_SIZE = (SIDE * SIDE * VECTORS) / PIXELS;

export const STAGED_DEPTHWISE = `depthwise ${SIDE}x${SIDE} staged`;

/** Rows and columns of the input that a tile needs. */
function windowOf({ kernel, strides, dilations }: DepthwiseConvolution): [rows: number, columns: number] {
  const along = (axis: 0 | 1) => (SIDE - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
  return [along(0), along(1)];
}

/** Bytes of workgroup memory. */
export function stagedDepthwiseStorage(convolution: DepthwiseConvolution): number {
  const [rows, columns] = windowOf(convolution);
  return rows * columns * VECTORS * 16;
}

/** Whether a device has the memory for a window, and a dispatch the workgroups. */
export function canStageDepthwise(convolution: DepthwiseConvolution, device: KernelDevice): boolean {
  return stagedDepthwiseStorage(convolution) <= device.maxWorkgroupStorage && WORKGROUP_SIZE <= device.maxInvocations;
}

/** Weights in the layout 'depthwise'. Bindings: input, weights, bias, residual where there is one, output. */
export function stagedDepthwiseKernel(convolution: DepthwiseConvolution): Kernel {
  const { input, output, residual, kernel } = convolution;
  const bindings = convolutionBindings(convolution, 4);
  const epilogue = epilogueText(convolution.epilogue);
  const [rows, columns] = windowOf(convolution);
  const copied = rows * columns * VECTORS;
  const tilesPerRow = Math.ceil(output.width / SIDE);
  const tilesPerImage = tilesPerRow * Math.ceil(output.height / SIDE);
  const [lines, folds] = dispatchSize(output.batch * tilesPerImage, 1);
  const vectors = channelVectors(output);
  const unsigned = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const place = (name: string) =>
    [
      `let ${name}Place = params.${name}Offset + image * params.${name}ImageStride + vector`,
      ` + (y * params.${name}Width + x) * params.${name}PixelStride;`,
    ].join('');
  const stores = range(PIXELS).map((p) => {
    const at = (name: string) => `${name}Place + ${p}u * params.${name}PixelStride`;
    const added = bindings.residual ? `, ${load(bindings.residual, at('residual'))}` : '';
    const text = store(bindings.output, at('output'), `epilogue(sum${p}${added})`);
    return `if (x + ${p}u < params.outputWidth) { ${text} }`;
  });
  return {
    label: `conv2d ${kernel.join('x')} ${STAGED_DEPTHWISE}${epilogueLabel(convolution.epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...mapParameters('input', input),
      ...mapParameters('output', output),
      ...(residual ? mapParameters('residual', residual) : []),
      ...windowParameters(convolution),
      ...epilogue.parameters,
      unsigned('vectors', vectors),
      unsigned('tilesPerRow', tilesPerRow),
      unsigned('tilesPerImage', tilesPerImage),
      unsigned('tiles', output.batch * tilesPerImage),
      unsigned('dispatchLines', lines),
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [Math.ceil(vectors / VECTORS), lines, folds],
    body: `${epilogue.definition}
var<workgroup> staged: array<vec4<f32>, ${copied}>;

@main
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let number = workgroup.z * params.dispatchLines + workgroup.y;
  let tile = min(number, params.tiles - 1u);
  let image = tile / params.tilesPerImage;
  let place = tile - image * params.tilesPerImage;
  let tileY = place / params.tilesPerRow * ${SIDE}u;
  let tileX = place % params.tilesPerRow * ${SIDE}u;
  let firstVector = workgroup.x * ${VECTORS}u;
  let fromY = i32(tileY) * params.strideY - params.top;
  let fromX = i32(tileX) * params.strideX - params.left;
  let first = params.inputOffset + image * params.inputImageStride;
  for (var at = local; at < ${copied}u; at += ${WORKGROUP_SIZE}u) {
    let pixel = at / ${VECTORS}u;
    let inputVector = min(firstVector + at % ${VECTORS}u, params.vectors - 1u);
    let inputY = u32(fromY + i32(pixel / ${columns}u));
    let inputX = u32(fromX + i32(pixel % ${columns}u));
    let exists = inputY < params.inputHeight && inputX < params.inputWidth;
    let step = select(0u, (inputY * params.inputWidth + inputX) * params.inputPixelStride, exists);
    staged[at] = select(vec4<f32>(0), ${load(bindings.input, 'first + step + inputVector')}, exists);
  }
  workgroupBarrier();

  let vector = min(firstVector + local % ${VECTORS}u, params.vectors - 1u);
  let column = local / ${VECTORS}u % ${SIDE / PIXELS}u * ${PIXELS}u;
  let row = local / ${(VECTORS * SIDE) / PIXELS}u;
  ${range(PIXELS)
    .map((p) => `var sum${p} = ${p === 0 ? 'bias[vector]' : 'sum0'};`)
    .join(' ')}
  for (var ky = 0u; ky < ${kernel[0]}u; ky++) {
    let line = ((row * ${convolution.strides[0]}u + ky * ${convolution.dilations[0]}u) * ${columns}u + column * ${convolution.strides[1]}u) * ${VECTORS}u + local % ${VECTORS}u;
    ${rowOfProducts(convolution)}
  }
  let y = tileY + row;
  let x = tileX + column;
  let computed = firstVector + local % ${VECTORS}u < params.vectors && number < params.tiles;
  if (!computed || y >= params.outputHeight) { return; }
  ${place('output')}
  ${residual ? place('residual') : ''}
  ${stores.join('\n  ')}
}
`,
  };
}

/** A row of the kernel: every column of the window that the four pixels need, once, and all products with them. */
function rowOfProducts(convolution: DepthwiseConvolution): string {
  const { kernel, strides, dilations } = convolution;
  const { weights } = convolutionBindings(convolution, 4);
  const columnOf = (p: number, kx: number) => p * strides[1] + kx * dilations[1];
  const columns = new Set(range(PIXELS).flatMap((p) => range(kernel[1]).map((kx) => columnOf(p, kx))));
  return [
    ...[...columns].map((column) => `let input${column} = staged[line + ${column * VECTORS}u];`),
    ...range(kernel[1]).flatMap((kx) => [
      `let weight${kx} = ${load(weights, `(ky * ${kernel[1]}u + ${kx}u) * params.vectors + vector`)};`,
      ...range(PIXELS).map((p) => `sum${p} += input${columnOf(p, kx)} * weight${kx};`),
    ]),
  ].join('\n    ');
}
