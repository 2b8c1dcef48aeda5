/**
 * Convolution by 1 x 1, stride 1, without padding: a matrix product of pixels and channels. The direct kernel (see there for
 * tiles, FLOPs and bytes) without taps, rows and padding: pixels are numbered through all images.
 *
 * On llvmpipe it takes 0.8 of the direct kernel's time for 16 or 32 input channels, 0.9 for 64, 0.94 for 256.
 */

import { type EpilogueStep, upsampleOf } from '../engine/graph/epilogue.ts';
import { bindingList, type ConvolutionTensors, convolutionBindings } from './conv-bindings.ts';
import {
  entryPointText,
  loopedStores,
  pixelStores,
  productsText,
  sumsText,
  type TiledConvolution,
  tileParameters,
  tilesPerGroup,
} from './conv-tile-text.ts';
import { type DirectTile, tileName } from './conv-tiles.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load } from './element-types.ts';
import { type EpilogueText, epilogueLabel, epilogueText, residualPlaces, sharedEpilogueText } from './epilogue.ts';
import type { FeatureMap, Kernel, Parameter } from './kernel.ts';
import { range } from './range.ts';

/** The weights are in the layout 'blocks'; the channels of a group are multiples of 4, unless there is one group. */
export interface PointwiseConvolution extends ConvolutionTensors, TiledConvolution {
  readonly name: string;
  readonly kernel: readonly [1, 1];
  readonly epilogue: readonly EpilogueStep[];
}

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
}

/**
 * Whether pixel i of the output comes from pixel i of the input, and pixels lie at equal distances through all images; and a
 * residual's too, which may be smaller by a power of 2.
 */
export function isPointwise(
  layer: Window & ConvolutionTensors & { readonly epilogue: readonly EpilogueStep[] },
): boolean {
  const { kernel, strides, pads, input, output, residual, epilogue } = layer;
  const even = ({ batch, height, width, imageStride, pixelStride }: FeatureMap) =>
    batch === 1 || imageStride === height * width * pixelStride;
  return (
    [...kernel, ...strides].every((size) => size === 1) &&
    pads.every((pad) => pad === 0) &&
    [input, output, ...(residual ? [residual] : [])].every(even) &&
    Number.isInteger(Math.log2(upsampleOf(epilogue)))
  );
}

/** Bindings: input, weights, bias, residual where there is or may be one, output. */
export function pointwiseKernel(convolution: PointwiseConvolution, tile: DirectTile): Kernel {
  const { input, output, residual, groups, epilogue: steps, unbiased } = convolution;
  const pixelCount = output.batch * output.height * output.width;
  const [columns, rows] = dispatchSize(Math.ceil(pixelCount / tile.pixels), tile.workgroup);
  // The products of other convolutions are many and need no activation: a text of their own.
  const epilogue = (tile.form === 'compact' && !unbiased ? sharedEpilogueText : epilogueText)(steps);
  const bindings = convolutionBindings(convolution, 4, epilogue.residual === 'optional');
  const added = residualPlaces(epilogue, residual, output);
  const count = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const place = (name: string, map: FeatureMap) => [
    count(`${name}Offset`, map.offset / 4),
    count(`${name}PixelStride`, map.pixelStride / 4),
  ];
  // Rows follow each other through all images, the residual's too.
  const stores = (p: number, offset: string) =>
    `let pixel = min(first + ${offset}, params.lastPixel);
    ${added.length > 0 ? residualPixel(epilogue) : ''}
    ${pixelStores(tile, bindings, epilogue, p, {
      inside: `first + ${offset} <= params.lastPixel`,
      output: 'output0 + pixel * params.outputPixelStride',
      residual: 'residual0 + added * params.residualPixelStride',
    })}`;
  return {
    label: `${convolution.name} ${tileName(tile)}${epilogueLabel(steps)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...place('input', input),
      ...place('output', output),
      ...added.flatMap((map) => [...place('residual', map), count('residualWidth', map.width)]),
      ...epilogue.parameters,
      ...tileParameters(convolution, tile),
      count('width', output.width),
      count('lastPixel', pixelCount - 1),
      count('dispatchColumns', columns),
    ],
    workgroupSize: [tile.workgroup, 1, 1],
    workgroups: [columns, groups * tilesPerGroup(convolution, tile), rows],
    features: tile.loaders > 1 ? ['subgroups'] : [],
    body: `${epilogue.definition}
${entryPointText(tile)}
  let group = workgroup.y / params.tilesPerGroup;
  let vector = (workgroup.y - group * params.tilesPerGroup) * ${tile.vectors}u;
  let first = ((workgroup.z * params.dispatchColumns + workgroup.x) * ${tile.workgroup}u + local) * ${tile.pixels}u;
  ${range(tile.pixels)
    .map((p) => {
      const pixel = `min(first + ${p}u, params.lastPixel)`;
      return `let from${p} = params.inputOffset + ${pixel} * params.inputPixelStride + group * params.inVectors;`;
    })
    .join('\n  ')}
  ${sumsText(tile)}
  for (var i = 0u; i < params.inVectors; i++) {
    ${[
      ...range(tile.pixels).map((p) => `let input${p} = ${load(bindings.input, `from${p} + i`)};`),
      ...productsText(tile, bindings, 'i * 4u'),
    ].join('\n    ')}
  }
  ${['output', ...added.map(() => 'residual')]
    .map((name) => `let ${name}0 = params.${name}Offset + group * params.outVectors + vector;`)
    .join(' ')}
  ${
    tile.form === 'compact'
      ? loopedStores(tile, stores(0, 'step'))
      : range(tile.pixels)
          .map((p) => `{ ${stores(p, `${p}u`)} }`)
          .join('\n  ')
  }
}
`,
  };
}

function residualPixel({ residualCoordinate }: EpilogueText): string {
  const [y, x] = ['line', '(pixel - line * params.width)'].map(residualCoordinate);
  return `let line = pixel / params.width;
    let added = ${y} * params.residualWidth + ${x};`;
}
