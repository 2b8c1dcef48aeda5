import type { FeatureMap } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';

/** How a direct kernel divides a layer among invocations. */
export interface DirectTile {
  /** Output pixels of one invocation, neighbours in a row. */
  readonly pixels: number;
  /** Output channels of one invocation, in vec4s. */
  readonly vectors: number;
  /**
   * How many invocations of a subgroup load weights together, one vec4 each, and hand them to each other. 1: each loads
   * all that it needs. No subgroup of the device has fewer, and the tile has no more vec4s of channels, and a multiple of
   * a fourth of it.
   */
  readonly loaders: 1 | 4 | 8;
  /**
   * - compact: taps and stores are loops and the kernel's size is a parameter, so that there is little text to compile,
   *   and one pipeline for every layer with the same epilogue.
   * - unrolled: stores and (up to 9) taps are text, which keeps every sum in a register.
   */
  readonly form: 'compact' | 'unrolled';
  /** Lanes of an input vec4 that are multiplied: 3 where an image has no fourth channel. */
  readonly lanes: 3 | 4;
  /** Invocations of a workgroup. They share their output channels, not their pixels. */
  readonly workgroup: number;
}

export function tileName({ pixels, vectors, loaders, form, lanes }: DirectTile): string {
  const loading = loaders > 1 ? `broadcast${loaders}` : 'load';
  return `${pixels}x${4 * vectors} ${loading} ${form}${lanes === 3 ? ' 3 lanes' : ''}`;
}

/** Tiles in the order of preference, without having measured. */
export function directTiles(output: FeatureMap, device: KernelDevice): DirectTile[] {
  const compact = [...broadcastTiles(device.smallestSubgroup), tile(4, 8, 1)];
  if (device.software) return compact;
  const work = output.batch * output.height * output.width * output.channels;
  const unrolled = UNROLLED_TILES.map(([pixels, channels]) => tile(pixels, channels, 1, 'unrolled', 64));
  // Large tiles read less; but a layer must have enough invocations to fill the device.
  const fills = ({ pixels, vectors }: DirectTile) => work / (pixels * vectors * 4) >= FILLING_INVOCATIONS;
  return [...unrolled.filter(fills), ...unrolled.filter((small) => !fills(small)).reverse(), ...compact];
}

/** Pixels and channels, the largest first. */
const UNROLLED_TILES = [
  [4, 16],
  [4, 8],
  [2, 8],
  [1, 4],
] as const;

/** Enough to occupy a middling graphics card. */
const FILLING_INVOCATIONS = 4096;

function broadcastTiles(smallestSubgroup: number): DirectTile[] {
  if (smallestSubgroup >= 8) return [tile(4, 16, 8), tile(2, 16, 8)];
  return smallestSubgroup >= 4 ? [tile(4, 16, 4)] : [];
}

function tile(
  pixels: number,
  channels: number,
  loaders: DirectTile['loaders'],
  form: DirectTile['form'] = 'compact',
  workgroup = 8,
): DirectTile {
  return { pixels, vectors: channels / 4, loaders, form, lanes: 4, workgroup };
}
