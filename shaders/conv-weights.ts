import { transformFilter, winogradMatrices } from './winograd.ts';

/**
 * How convolution weights lie in the buffer that a kernel binds. Packing depends on the layer alone, not on a kernel's
 * tile, so that kernels of one layout can be exchanged without packing again.
 *
 * - blocks: [Cout / 4][kh * kw][Cin / groups / 4][4 input channels][4 output channels]. A block of 4 x 4 weights is four
 *   consecutive vec4s, each the weights of one input channel for four output channels. Channels are filled up to multiples
 *   of 4 with zeros.
 * - depthwise: [kh * kw][C / 4][4 channels].
 * - plain: [Cout][Cin / groups][kh][kw], filled up to a multiple of 4 at the end.
 * - winograd2, winograd4: 3 x 3 filters transformed for output tiles of 2 x 2 or 4 x 4 pixels (see winograd.ts), as blocks
 *   of as many groups as a filter then has numbers.
 */
export type WeightLayout = 'blocks' | 'depthwise' | 'plain' | 'winograd2' | 'winograd4';

/** Dimensions of a weight [outChannels, groupChannels, kernel height, kernel width]. */
export interface WeightShape {
  readonly outChannels: number;
  /** Input channels of one group. */
  readonly groupChannels: number;
  readonly kernel: readonly [height: number, width: number];
}

/** Elements of a packed weight. */
export function packedWeightSize(layout: WeightLayout, { outChannels, groupChannels, kernel }: WeightShape): number {
  const taps = kernel[0] * kernel[1];
  if (layout === 'blocks') return roundUp(outChannels) * taps * roundUp(groupChannels);
  if (layout === 'depthwise') return taps * roundUp(outChannels);
  if (layout !== 'plain') return filterNumbers(layout) * roundUp(outChannels) * roundUp(groupChannels);
  return roundUp(outChannels * groupChannels * taps);
}

/** @param weight [outChannels, groupChannels, kh, kw], row major */
export function packConvWeights(
  layout: WeightLayout,
  weight: ArrayLike<number>,
  shape: WeightShape,
): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(packedWeightSize(layout, shape));
  const { outChannels, groupChannels, kernel } = shape;
  const taps = kernel[0] * kernel[1];
  if (layout === 'plain') {
    for (let i = 0; i < outChannels * groupChannels * taps; i++) packed[i] = weight[i];
    return packed;
  }
  if (layout === 'depthwise') {
    const channels = roundUp(outChannels);
    for (let o = 0; o < outChannels; o++) {
      for (let tap = 0; tap < taps; tap++) packed[tap * channels + o] = weight[o * taps + tap];
    }
    return packed;
  }
  if (layout === 'blocks') packBlocks(packed, weight, shape);
  else packFilters(packed, weight, shape, layout);
  return packed;
}

function packBlocks(
  packed: Float32Array,
  weight: ArrayLike<number>,
  { outChannels, groupChannels, kernel }: WeightShape,
): void {
  const taps = kernel[0] * kernel[1];
  const inVectors = roundUp(groupChannels) / 4;
  let read = 0;
  for (let o = 0; o < outChannels; o++) {
    const blockRow = (o >> 2) * taps * inVectors * 16 + (o & 3);
    for (let i = 0; i < groupChannels; i++) {
      const block = blockRow + (i >> 2) * 16 + (i & 3) * 4;
      for (let tap = 0; tap < taps; tap++) packed[block + tap * inVectors * 16] = weight[read++];
    }
  }
}

function packFilters(
  packed: Float32Array,
  weight: ArrayLike<number>,
  { outChannels, groupChannels }: WeightShape,
  layout: 'winograd2' | 'winograd4',
): void {
  const matrices = winogradMatrices(layout === 'winograd2' ? 2 : 4);
  const numbers = new Float64Array(filterNumbers(layout));
  const inVectors = roundUp(groupChannels) / 4;
  const group = roundUp(outChannels) * roundUp(groupChannels);
  for (let o = 0; o < outChannels; o++) {
    for (let i = 0; i < groupChannels; i++) {
      transformFilter(matrices, weight, (o * groupChannels + i) * 9, numbers);
      const place = ((o >> 2) * inVectors + (i >> 2)) * 16 + (i & 3) * 4 + (o & 3);
      for (let position = 0; position < numbers.length; position++)
        packed[position * group + place] = numbers[position];
    }
  }
}

/** Numbers of a transformed 3 x 3 filter. */
function filterNumbers(layout: 'winograd2' | 'winograd4'): number {
  return layout === 'winograd2' ? 16 : 36;
}

/** A bias filled up with zeros to whole vec4s. */
export function packBias(bias: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(roundUp(bias.length));
  packed.set(bias);
  return packed;
}

/**
 * The weight of a transposed convolution, [Cin, Cout / groups, kh, kw], in the order of a convolution's,
 * [Cout, Cin / groups, kh, kw]. Taps keep their numbers.
 */
export function transposeWeights(
  weight: ArrayLike<number>,
  shape: WeightShape,
  groups: number,
): Float32Array<ArrayBuffer> {
  const { outChannels, groupChannels, kernel } = shape;
  const taps = kernel[0] * kernel[1];
  const groupOutputs = outChannels / groups;
  const result = new Float32Array(outChannels * groupChannels * taps);
  for (let o = 0; o < outChannels; o++) {
    const group = Math.floor(o / groupOutputs);
    for (let i = 0; i < groupChannels; i++) {
      const from = ((group * groupChannels + i) * groupOutputs + (o % groupOutputs)) * taps;
      for (let tap = 0; tap < taps; tap++) result[(o * groupChannels + i) * taps + tap] = weight[from + tap];
    }
  }
  return result;
}

function roundUp(count: number): number {
  return Math.ceil(count / 4) * 4;
}
