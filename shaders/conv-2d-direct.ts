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
 * chosen there, 4x16 broadcast8 compact, which reaches 0.6 of what multiplying and adding in registers does):
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
 * There a vec4 that is read one lane at a time costs as much as some hundred multiplications, whether the lanes' addresses
 * differ or not: hence weights that eight invocations share. Every place in the text that reads or writes memory costs a
 * tenth of the time to compile: hence loops. Constants instead of parameters make nothing faster, and compiling takes
 * 1.9 times as long; Dawn's bounds checks cost nothing measurable. On SwiftShader (subgroups of 4) broadcast4 is 1.3 times
 * as fast as load. On graphics cards nothing here has been measured yet.
 */

import { type EpilogueStep, upsampleOf } from '../engine/graph/epilogue.ts';
import {
  bindingList,
  type ConvolutionBindings,
  type ConvolutionTensors,
  convolutionBindings,
} from './conv-bindings.ts';
import type { ConvGeometry } from './conv-geometry.ts';
import { type DirectTile, tileName } from './conv-tiles.ts';
import { dispatchSize } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { type EpilogueText, epilogueLabel, epilogueText, residualCoordinate, sharedEpilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
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
  const inVectors = Math.ceil(channelVectors(input) / groups);
  const outVectors = Math.ceil(channelVectors(output) / groups);
  const tilesPerGroup = Math.ceil(outVectors / tile.vectors);
  const pixelCount = output.batch * geometry.grid[0] * geometry.grid[1];
  const [columns, rows] = dispatchSize(Math.ceil(pixelCount / tile.pixels), tile.workgroup);
  const count = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  const bindings = convolutionBindings(convolution, 4);
  const epilogue = (tile.form === 'compact' ? sharedEpilogueText : epilogueText)(convolution.epilogue);
  return {
    label: `${convolution.name} ${kernel.join('x')} ${tileName(tile)}${epilogueLabel(convolution.epilogue)}`,
    bindings: bindingList(bindings),
    parameters: [
      ...mapParameters('input', input),
      ...mapParameters('output', output),
      ...(residual ? mapParameters('residual', residual) : []),
      ...geometry.parameters,
      ...epilogue.parameters,
      count('kernelHeight', kernel[0]),
      count('kernelWidth', kernel[1]),
      count('gridHeight', geometry.grid[0]),
      count('gridWidth', geometry.grid[1]),
      count('lastPixel', pixelCount - 1),
      count('lastImage', output.batch - 1),
      count('dispatchColumns', columns),
      count('inVectors', inVectors),
      count('outVectors', outVectors),
      count('tilesPerGroup', tilesPerGroup),
      count('tileSums', tile.pixels * tile.vectors),
    ],
    workgroupSize: [tile.workgroup, 1, 1],
    workgroups: [columns, groups * tilesPerGroup, rows * geometry.phases],
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
  const broadcast = tile.loaders > 1;
  return `${epilogue.definition}
@main
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  ${broadcast ? '@builtin(subgroup_invocation_id) invocation: u32,' : ''}
) {
  let phase = workgroup.z % ${geometry.phases}u;
  ${geometry.prologue}
  let group = workgroup.y / params.tilesPerGroup;
  let vector = (workgroup.y - group * params.tilesPerGroup) * ${tile.vectors}u;
  let tileNumber = ((workgroup.z / ${geometry.phases}u) * params.dispatchColumns + workgroup.x) * ${tile.workgroup}u + local;
  let first = tileNumber * ${tile.pixels}u;
  ${range(tile.pixels)
    .map((p) => pixelText(convolution, p))
    .join('\n  ')}
  ${broadcast ? broadcastWeights(tile) : loadedWeights(tile)}
  var block = 0u;
  ${tapsText(convolution, tile, bindings)}
  ${(tile.form === 'compact' ? loopedStores : unrolledStores)(tile, bindings, convolution.epilogue)}
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

/** The sums begin with the bias. `weight{g}`: where this invocation's part of blocks number g begins. */
function broadcastWeights({ pixels, vectors, loaders }: DirectTile): string {
  const sums = range(vectors).map((q) => {
    const others = range(pixels - 1).map((p) => `var sum${p + 1}_${q} = sum0_${q};`);
    return [`var sum0_${q} = subgroupBroadcast(biases, ${q}u);`, ...others].join(' ');
  });
  const blocks = loaders / 4;
  const weights = range(vectors / blocks).map(
    (g) => `let weight${g} = ${blockRow(`${blocks * g}u + (lane >> 2u)`)} + (lane & 3u);`,
  );
  return `let lane = invocation % ${loaders}u;
  let biases = bias[${outputVector(`lane % ${vectors}u`)}];
  ${[...sums, ...weights].join('\n  ')}`;
}

/** The sums begin with the bias. `weight{q}`: where the blocks of vec4 q begin. */
function loadedWeights(tile: DirectTile): string {
  return range(tile.vectors)
    .flatMap((q) => [
      `var sum0_${q} = bias[${outputVector(`${q}u`)}];`,
      ...range(tile.pixels - 1).map((p) => `var sum${p + 1}_${q} = sum0_${q};`),
      `let weight${q} = ${blockRow(`${q}u`)};`,
    ])
    .join('\n  ');
}

/** The output vec4 that is `offset` after the tile's first, or the group's last one. */
function outputVector(offset: string): string {
  return `group * params.outVectors + min(vector + ${offset}, params.outVectors - 1u)`;
}

/** Where the blocks of that output vec4 begin: 4 vec4s for each tap and input vec4. */
function blockRow(offset: string): string {
  const length = 'params.kernelHeight * params.kernelWidth * params.inVectors * 4u';
  return `(${outputVector(offset)}) * (${length})`;
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
        ${[...loads, ...productsText(tile, bindings)].join('\n        ')}
        block += 4u;
      }`;
}

/** Adds the products of one input vec4 of each pixel and the blocks of all the tile's output channels. */
function productsText({ pixels, vectors, loaders }: DirectTile, { weights }: ConvolutionBindings): string[] {
  const blocks = loaders / 4;
  return range(vectors).flatMap((q) => {
    const group = Math.floor(q / blocks);
    const row = (channel: number) =>
      loaders > 1
        ? `subgroupBroadcast(loaded${group}, ${4 * (q % blocks) + channel}u)`
        : load(weights, `weight${q} + block + ${channel}u`);
    const sums = range(pixels).map((p) => {
      const products = ['x', 'y', 'z', 'w'].map((lane, channel) => `input${p}.${lane} * w${q}_${channel}`);
      return `sum${p}_${q} += ${products.join(' + ')};`;
    });
    return [
      ...(loaders > 1 && q % blocks === 0 ? [`let loaded${group} = ${load(weights, `weight${group} + block`)};`] : []),
      ...range(4).map((channel) => `let w${q}_${channel} = ${row(channel)};`),
      ...sums,
    ];
  });
}

function unrolledStores(
  { pixels, vectors }: DirectTile,
  bindings: ConvolutionBindings,
  epilogue: readonly EpilogueStep[],
): string {
  return range(pixels)
    .map((p) => {
      const stores = range(vectors).map((q) => {
        const result = resultText(bindings, `sum${p}_${q}`, `residual${p} + ${q}u`);
        const text = store(bindings.output, `output${p} + ${q}u`, result);
        return q === 0 ? text : `if (vector + ${q}u < params.outVectors) { ${text} }`;
      });
      return `if (inside${p}) { ${placesText(bindings, p, epilogue)} ${stores.join(' ')} }`;
    })
    .join('\n  ');
}

/**
 * The loop's bound is no constant, lest a driver unrolls it again. It is one loop, with its reads outside of the condition,
 * because what lies in nested control flow takes a software driver several times as long to compile.
 */
function loopedStores(
  { pixels, vectors }: DirectTile,
  bindings: ConvolutionBindings,
  epilogue: readonly EpilogueStep[],
): string {
  const sums = range(pixels).flatMap((p) => range(vectors).map((q) => `sum${p}_${q}`));
  const places = range(pixels).map((p) => {
    return `vec3<u32>(u32(inside${p}), output${p}, ${bindings.residual ? `residual${p}` : '0u'})`;
  });
  return `${range(pixels)
    .map((p) => placesText(bindings, p, epilogue))
    .join('\n  ')}
  var sums = array<vec4<f32>, ${sums.length}>(${sums.join(', ')});
  var places = array<vec3<u32>, ${places.length}>(${places.join(', ')});
  for (var s = 0u; s < params.tileSums; s++) {
    let place = places[s / ${vectors}u];
    let q = s % ${vectors}u;
    let exists = vector + q < params.outVectors;
    let result = ${resultText(bindings, 'sums[s]', 'place.z + select(0u, q, exists)')};
    if (place.x == 1u && exists) { ${store(bindings.output, 'place.y + q', 'result')} }
  }`;
}

/** Where the output vec4s of pixel p begin, and its residual's: those of the first pixel where p lies outside. */
function placesText({ residual }: ConvolutionBindings, p: number, epilogue: readonly EpilogueStep[]): string {
  const place = (name: string, pixel: string) =>
    [
      `let ${name}${p} = params.${name}Offset + image${p} * params.${name}ImageStride`,
      ` + ${pixel} * params.${name}PixelStride + group * params.outVectors + vector;`,
    ].join('');
  const pixel = `let pixel${p} = select(0u, toY${p} * params.outputWidth + toX${p}, inside${p});`;
  if (!residual) return `${pixel} ${place('output', `pixel${p}`)}`;
  if (upsampleOf(epilogue) === 1) {
    return `${pixel} ${place('output', `pixel${p}`)} ${place('residual', `pixel${p}`)}`;
  }
  const [y, x] = ['Y', 'X'].map((axis) => residualCoordinate(epilogue, `to${axis}${p}`));
  const coarse = `let coarse${p} = select(0u, ${y} * params.residualWidth + ${x}, inside${p});`;
  return `${pixel} ${place('output', `pixel${p}`)} ${coarse} ${place('residual', `coarse${p}`)}`;
}

function resultText({ residual }: ConvolutionBindings, sum: string, place: string): string {
  return residual ? `epilogue(${sum}, ${load(residual, place)})` : `epilogue(${sum})`;
}
