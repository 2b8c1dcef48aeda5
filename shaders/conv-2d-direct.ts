/**
 * Convolution in registers: an invocation holds the sums of a tile, `pixels` output pixels by `vectors` vec4s of output
 * channels, and goes over the taps and the input channels, four at a time. A step reads one input vec4 for each pixel and a
 * 4 x 4 block of weights for each vec4 of channels, and computes 32 * pixels * vectors FLOPs with them. Nothing is
 * transformed or staged; 1 x 1 and first layers are the same kernel with few steps.
 *
 * FLOPs: 2 * batch * output height * output width * output channels * input channels / groups * kernel area, with channels
 * filled up to multiples of 4 and the last tile to its size. Bytes: input, weights, residual and output once; through the
 * cache, 16 * pixels + 64 * vectors for each step.
 *
 * How the tiles compare on llvmpipe (Mesa 25 with AVX2; speed on 3 x 3 and 1 x 1 layers of YOLO size, relative to the tile
 * chosen there, 4x16 broadcast8 compact, which reaches a fourth of what multiplying and adding in registers does):
 *
 *     tile                     speed       time to compile
 *     4x16 broadcast8 compact  1           1
 *     4x32 broadcast8 compact  1.0 (0.5 for 16 channels)  1.7
 *     6x16 broadcast8 compact  1.0         1.4
 *     8x16 broadcast8 compact  0.7         1.6
 *     2x32 broadcast8 compact  0.95 (0.5)  1.1
 *     2x16 broadcast8 compact  0.8         0.7
 *     4x8  broadcast8 compact  0.8         0.8
 *     4x16 broadcast4 compact  0.9         1
 *     4x8  load compact        0.4         1.4
 *     4x16 load compact        0.25        3.4
 *
 * There a vec4 is read lane by lane, about 70 cycles for eight invocations wherever their addresses lie (storage, uniform and
 * workgroup memory alike), while eight invocations multiply and add in one: two thirds of the time go into reading. Hence
 * weights that eight invocations share by broadcasts, which are nearly free. Larger tiles read less, but their sums no
 * longer fit the registers, and it comes out even. Workgroups of 8 invocations cost 0.13 microseconds each to start, of 64
 * a fourth of that, which shows only in kernels that do little. Every place in the text that reads or writes memory costs a
 * tenth of the time to compile: hence loops. Constants instead of parameters take 0.65 of the time for 16 input channels
 * and 0.95 for 64, and 1.6 times as long to compile, for each layer anew. Four channels of input in a row (two vec4s in a
 * step), workgroups that go over output channels first, and weights read before inputs made nothing faster. On SwiftShader
 * (subgroups of 4) broadcast4 is 1.3 times as fast as load. On graphics cards nothing here has been measured yet.
 */

import type { EpilogueStep } from '../engine/graph/epilogue.ts';
import {
  bindingList,
  type ConvolutionBindings,
  type ConvolutionTensors,
  convolutionBindings,
} from './conv-bindings.ts';
import type { ConvGeometry } from './conv-geometry.ts';
import {
  entryPointText,
  loopedStores,
  pixelStores,
  productsText,
  sumsText,
  tileParameters,
  tilesPerGroup,
} from './conv-tile-text.ts';
import { type DirectTile, tileName } from './conv-tiles.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load } from './element-types.ts';
import { type EpilogueText, epilogueLabel, epilogueText, residualPlaces, sharedEpilogueText } from './epilogue.ts';
import { mapParameters } from './feature-map.ts';
import type { Kernel, Parameter } from './kernel.ts';
import { range } from './range.ts';

/**
 * A convolution, transposed or not; the weights in the layout 'blocks', see conv-weights.ts. The channels of a group are
 * multiples of 4, in and out, unless there is one group.
 */
export interface DirectConvolution extends ConvolutionTensors {
  readonly name: string;
  readonly kernel: readonly [height: number, width: number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
  readonly geometry: ConvGeometry;
  /** The sums begin with 0, whatever is bound as the bias. Default false. */
  readonly unbiased?: boolean;
}

/** As many taps as this are written out; beyond that, text outweighs what it saves. */
const MOST_UNROLLED_TAPS = 9;

/** Whether a direct kernel can run the layer: the weights of every group are whole blocks. */
export function isBlocked({ input, output, groups }: Pick<DirectConvolution, 'input' | 'output' | 'groups'>): boolean {
  return groups === 1 || ((input.channels / groups) % 4 === 0 && (output.channels / groups) % 4 === 0);
}

/** Bindings: input, weights, bias, residual where there is one, output. */
export function directKernel(convolution: DirectConvolution, tile: DirectTile): Kernel {
  const { input, output, residual, geometry, groups, kernel } = convolution;
  const pixelCount = output.batch * geometry.grid[0] * geometry.grid[1];
  const [columns, rows] = dispatchSize(Math.ceil(pixelCount / tile.pixels), tile.workgroup);
  const count = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const epilogue = (tile.form === 'compact' ? sharedEpilogueText : epilogueText)(convolution.epilogue);
  const bindings = convolutionBindings(convolution, 4, epilogue.residual === 'optional');
  return {
    label: `${convolution.name} ${kernel.join('x')} direct ${tileName(tile)}${epilogueLabel(convolution.epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...mapParameters('input', input),
      ...mapParameters('output', output),
      ...residualPlaces(epilogue, residual, output).flatMap((map) => mapParameters('residual', map)),
      ...geometry.parameters,
      ...epilogue.parameters,
      ...tileParameters(convolution, tile),
      count('kernelHeight', kernel[0]),
      count('kernelWidth', kernel[1]),
      count('gridHeight', geometry.grid[0]),
      count('gridWidth', geometry.grid[1]),
      count('lastPixel', pixelCount - 1),
      count('lastImage', output.batch - 1),
      count('dispatchColumns', columns),
    ],
    workgroupSize: [tile.workgroup, 1, 1],
    workgroups: [columns, groups * tilesPerGroup(convolution, tile), rows * geometry.phases],
    features: tile.loaders > 1 ? ['subgroups'] : [],
    body: bodyText(convolution, tile, bindings, epilogue),
  };
}

/** Names that end in a number belong to pixel p of the tile, or to its pixel p and vec4 q of channels. */
function bodyText(
  convolution: DirectConvolution,
  tile: DirectTile,
  bindings: ConvolutionBindings,
  epilogue: EpilogueText,
): string {
  const { geometry } = convolution;
  return `${epilogue.definition}
${entryPointText(tile)}
  let phase = workgroup.z % ${geometry.phases}u;
  ${geometry.prologue}
  let group = workgroup.y / params.tilesPerGroup;
  let vector = (workgroup.y - group * params.tilesPerGroup) * ${tile.vectors}u;
  let tileNumber = ((workgroup.z / ${geometry.phases}u) * params.dispatchColumns + workgroup.x) * ${tile.workgroup}u + local;
  let first = tileNumber * ${tile.pixels}u;
  ${range(tile.pixels)
    .map((p) => pixelText(convolution, p))
    .join('\n  ')}
  ${sumsText(tile)}
  var block = 0u;
  ${tapsText(convolution, tile, bindings)}
  ${range(tile.pixels)
    .map((p) => placesText(bindings, epilogue, p))
    .join('\n  ')}
  ${(tile.form === 'compact' ? compactStores : unrolledStores)(tile, bindings, epilogue)}
}
`;
}

/**
 * Pixel p's place: pixels follow each other along rows, then down the image, then in the next image. Those beyond the last
 * repeat an image, so that what they read exists; `inside` says not to write them.
 */
function pixelText({ geometry }: DirectConvolution, p: number): string {
  const place =
    p === 0
      ? `let start = min(first, params.lastPixel);
  let line = start / params.gridWidth;
  let column0 = start - line * params.gridWidth;
  let image0 = line / params.gridHeight;
  let row0 = line - image0 * params.gridHeight;`
      : `let wrap${p} = column${p - 1} + 1u == params.gridWidth;
  let turn${p} = wrap${p} && row${p - 1} + 1u == params.gridHeight;
  let column${p} = select(column${p - 1} + 1u, 0u, wrap${p});
  let row${p} = select(row${p - 1} + select(0u, 1u, wrap${p}), 0u, turn${p});
  let image${p} = min(image${p - 1} + select(0u, 1u, turn${p}), params.lastImage);`;
  return `${place}
  let fromY${p} = ${geometry.inputRow(`row${p}`)};
  let fromX${p} = ${geometry.inputColumn(`column${p}`)};
  let from${p} = params.inputOffset + image${p} * params.inputImageStride + group * params.inVectors;
  let toY${p} = ${geometry.outputRow(`row${p}`)};
  let toX${p} = ${geometry.outputColumn(`column${p}`)};
  let inside${p} = first + ${p}u <= params.lastPixel && toY${p} < params.outputHeight && toX${p} < params.outputWidth;`;
}

/** `block` counts the vec4s of weights passed since the beginning of each row of blocks. */
function tapsText(convolution: DirectConvolution, tile: DirectTile, bindings: ConvolutionBindings): string {
  const { geometry } = convolution;
  if (tile.form === 'unrolled' && geometry.shifts && geometry.shifts.length <= MOST_UNROLLED_TAPS) {
    return geometry.shifts.map(([row, column]) => `{ ${channelsText(tile, bindings, row, column)} }`).join('\n  ');
  }
  return `${geometry.tapRows} {
    let shiftY = ${geometry.shiftRow};
    ${geometry.tapColumns} {
      let shiftX = ${geometry.shiftColumn};
      block = (ky * params.kernelWidth + kx) * params.inVectors * 4u;
      ${channelsText(tile, bindings, 'shiftY', 'shiftX')}
    }
  }`;
}

/** One tap: all of a group's input channels, four at a time. */
function channelsText(tile: DirectTile, bindings: ConvolutionBindings, shiftY: string, shiftX: string): string {
  const pixels = range(tile.pixels);
  const places = pixels.map((p) => {
    const at = `from${p} + (y${p} * params.inputWidth + x${p}) * params.inputPixelStride`;
    const coordinates = `let y${p} = u32(fromY${p} + ${shiftY}); let x${p} = u32(fromX${p} + ${shiftX});`;
    return `${coordinates}
      let padding${p} = y${p} >= params.inputHeight || x${p} >= params.inputWidth;
      let at${p} = select(${at}, from${p}, padding${p});`;
  });
  const loads = pixels.map(
    (p) => `let input${p} = select(${load(bindings.input, `at${p} + i`)}, vec4<f32>(0), padding${p});`,
  );
  return `${places.join('\n      ')}
      for (var i = 0u; i < params.inVectors; i++) {
        ${[...loads, ...productsText(tile, bindings, 'block')].join('\n        ')}
        block += 4u;
      }`;
}

/** Where the output vec4s of pixel p begin, and its residual's: those of the first pixel where p lies outside. */
function placesText({ residual }: ConvolutionBindings, { residualCoordinate }: EpilogueText, p: number): string {
  const place = (name: string, pixel: string) =>
    [
      `let ${name}${p} = params.${name}Offset + image${p} * params.${name}ImageStride`,
      ` + ${pixel} * params.${name}PixelStride + group * params.outVectors + vector;`,
    ].join('');
  const pixel = `let pixel${p} = select(0u, toY${p} * params.outputWidth + toX${p}, inside${p});`;
  if (!residual) return `${pixel} ${place('output', `pixel${p}`)}`;
  const [y, x] = ['Y', 'X'].map((axis) => residualCoordinate(`to${axis}${p}`));
  const added = `let added${p} = select(0u, ${y} * params.residualWidth + ${x}, inside${p});`;
  return `${pixel} ${place('output', `pixel${p}`)} ${added} ${place('residual', `added${p}`)}`;
}

function unrolledStores(tile: DirectTile, bindings: ConvolutionBindings, epilogue: EpilogueText): string {
  return range(tile.pixels)
    .map((p) => {
      const places = { inside: `inside${p}`, output: `output${p}`, residual: `residual${p}` };
      return `{ ${pixelStores(tile, bindings, epilogue, p, places)} }`;
    })
    .join('\n  ');
}

function compactStores(tile: DirectTile, bindings: ConvolutionBindings, epilogue: EpilogueText): string {
  const places = range(tile.pixels).map((p) => {
    const residual = bindings.residual ? `residual${p}` : '0u';
    return `var place${p} = vec3<u32>(u32(inside${p}), output${p}, ${residual});`;
  });
  const first = { inside: 'place0.x == 1u', output: 'place0.y', residual: 'place0.z' };
  return `${places.join(' ')}
  ${loopedStores(tile, pixelStores(tile, bindings, epilogue, 0, first), ['place'])}`;
}
