/**
 * The first layer: an image's three channels in, and few channels out. An invocation computes all channels of some
 * neighbours in a row, from vec4s of input whose last lane is unused; no product is spent on that lane. Taps are text, and
 * an input that several of the pixels need is read once. Every invocation reads the same weights at the same time, which
 * caches hand to a whole subgroup at once.
 *
 * FLOPs: 2 * 3 * pixels * output channels * kernel area; a kernel that takes whole vec4s does a third more. Bytes: input,
 * weights, residual and output once; through the cache, 16 for every input that the pixels of an invocation need, and 48 for
 * every tap and four output channels.
 *
 * On llvmpipe, relative to the direct kernel chosen there (3 x 3, stride 2, 16 channels), four pixels have 0.75 of its speed,
 * two 0.4, and text as long as this takes minutes to compile. On graphics cards nothing here has been measured yet.
 */

import { bindingList, convolutionBindings } from './conv-bindings.ts';
import type { ConvolutionSpec } from './conv-candidate.ts';
import { windowParameters } from './conv-geometry.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { epilogueLabel, epilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Kernel, Parameter } from './kernel.ts';
import { range } from './range.ts';

/** The decisions: how many neighbours in a row, and output channels in vec4s, an invocation computes. */
export interface StemTile {
  readonly pixels: number;
  readonly vectors: number;
}

export function stemTileName({ pixels, vectors }: StemTile): string {
  return `stem ${pixels}x${4 * vectors}`;
}

/** As many taps as YOLOv5's 6 x 6: beyond, text outweighs what it saves. */
const MOST_TAPS = 36;

/** Sums that an invocation can hold in registers: 64 floats. */
const MOST_SUMS = 16;

/** The tiles for a layer, none where it is no first layer; the best guess first. */
export function stemTiles({ input, output, kernel, groups }: ConvolutionSpec): StemTile[] {
  if (input.channels > 3 || groups !== 1 || kernel[0] * kernel[1] > MOST_TAPS) return [];
  const all = channelVectors(output);
  // All channels, so that the input is read once; of many channels, a part that divides them.
  const vectors = [8, 6, 5, 4].find((count) => all % count === 0) ?? Math.min(all, 4);
  return [2, 4, 1].filter((pixels) => pixels * vectors <= MOST_SUMS).map((pixels) => ({ pixels, vectors }));
}

const WORKGROUP_SIZE = 64;

/** Weights in the layout 'blocks'. Bindings: input, weights, bias, residual where there is one, output. */
export function stemKernel(spec: ConvolutionSpec, tile: StemTile): Kernel {
  const { input, output, residual, kernel } = spec;
  const bindings = convolutionBindings(spec, 4);
  const epilogue = epilogueText(spec.epilogue);
  const tilesPerRow = Math.ceil(output.width / tile.pixels);
  const tiles = output.batch * output.height * tilesPerRow;
  const [columns, rows] = dispatchSize(tiles, WORKGROUP_SIZE);
  const vectors = channelVectors(output);
  const unsigned = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const pixels = range(tile.pixels);
  const parts = range(tile.vectors);
  const place = (name: string, y: string, x: string) =>
    `params.${name}Offset + image * params.${name}ImageStride + (${y} * params.${name}Width + ${x}) * params.${name}PixelStride + vector`;
  const { residualCoordinate } = epilogue;
  const stores = pixels.map((p) => {
    const x = `(column + ${p}u)`;
    const texts = parts.map((q) => {
      const added = bindings.residual ? `, ${load(bindings.residual, `residualPlace + ${q}u`)}` : '';
      const text = store(bindings.output, `outputPlace + ${q}u`, `epilogue(sum${p}_${q}${added})`);
      return q === 0 ? text : `if (vector + ${q}u < params.vectors) { ${text} }`;
    });
    return `if (${x} < params.outputWidth) {
    let outputPlace = ${place('output', 'row', x)};
    ${residual ? `let residualPlace = ${place('residual', residualCoordinate('row'), residualCoordinate(x))};` : ''}
    ${texts.join(' ')}
  }`;
  });
  return {
    label: `conv2d ${kernel.join('x')} ${stemTileName(tile)}${epilogueLabel(spec.epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...mapParameters('input', input),
      ...mapParameters('output', output),
      ...(residual ? mapParameters('residual', residual) : []),
      ...windowParameters(spec),
      ...epilogue.parameters,
      unsigned('vectors', vectors),
      unsigned('tilesPerRow', tilesPerRow),
      unsigned('tiles', tiles),
      unsigned('dispatchColumns', columns),
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [columns, Math.ceil(vectors / tile.vectors), rows],
    body: `${epilogue.definition}
@main
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let number = (workgroup.z * params.dispatchColumns + workgroup.x) * ${WORKGROUP_SIZE}u + local;
  if (number >= params.tiles) { return; }
  let vector = workgroup.y * ${tile.vectors}u;
  let line = number / params.tilesPerRow;
  let column = (number - line * params.tilesPerRow) * ${tile.pixels}u;
  let image = line / params.outputHeight;
  let row = line - image * params.outputHeight;
  let fromY = i32(row) * params.strideY - params.top;
  let fromX = i32(column) * params.strideX - params.left;
  let first = params.inputOffset + image * params.inputImageStride;
  ${parts
    .map(
      (q) => `let part${q} = min(vector + ${q}u, params.vectors - 1u);
  let weights${q} = part${q} * ${4 * kernel[0] * kernel[1]}u;
  ${pixels.map((p) => `var sum${p}_${q} = ${p === 0 ? `bias[part${q}]` : `sum0_${q}`};`).join(' ')}`,
    )
    .join('\n  ')}
  ${range(kernel[0])
    .map((ky) => kernelRow(spec, tile, ky))
    .join('\n  ')}
  ${stores.join('\n  ')}
}
`,
  };
}

/** One row of the kernel: every input column that any of the pixels needs, once, and all products with them. */
function kernelRow(spec: ConvolutionSpec, tile: StemTile, ky: number): string {
  const { kernel, strides, dilations, input } = spec;
  const bindings = convolutionBindings(spec, 4);
  const columnOf = (p: number, kx: number) => p * strides[1] + kx * dilations[1];
  const pixels = range(tile.pixels);
  const columns = new Set(pixels.flatMap((p) => range(kernel[1]).map((kx) => columnOf(p, kx))));
  const reads = [...columns].map((column) => {
    const value = load(bindings.input, `select(first, start + x${column} * params.inputPixelStride, inside${column})`);
    return `let x${column} = u32(fromX + ${column});
    let inside${column} = exists && x${column} < params.inputWidth;
    let input${column} = select(vec4<f32>(0), ${value}, inside${column});`;
  });
  const products = range(kernel[1]).flatMap((kx) =>
    range(tile.vectors).flatMap((q) =>
      ['x', 'y', 'z'].slice(0, input.channels).flatMap((component, channel) => {
        const weight = `w${kx}_${q}_${channel}`;
        const at = `weights${q} + ${(ky * kernel[1] + kx) * 4 + channel}u`;
        return [
          `let ${weight} = ${load(bindings.weights, at)};`,
          ...pixels.map((p) => `sum${p}_${q} += input${columnOf(p, kx)}.${component} * ${weight};`),
        ];
      }),
    ),
  );
  return `{
    let y = u32(fromY + ${ky * dilations[0]});
    let exists = y < params.inputHeight;
    let start = first + y * params.inputWidth * params.inputPixelStride;
    ${[...reads, ...products].join('\n    ')}
  }`;
}
