import type { ConvolutionTensors } from './conv-bindings.ts';
import type { GemmDivision } from './conv-gemm.ts';
import type { OperandType } from './conv-gemm-operands.ts';
import { bytesPerElement } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';

/** The decisions of an implicit GEMM through workgroup memory. */
export interface GemmTile extends GemmDivision {
  /** The workgroup's tile: a multiple of the invocation's. */
  readonly pixels: number;
  readonly channels: number;
  /** What one invocation sums up: the channels are a multiple of 4. */
  readonly invocation: { readonly pixels: number; readonly channels: number };
  /** Input channels of a step: a multiple of 4, and a divisor of the number of invocations. */
  readonly depth: number;
  /** 2: the next step's operands are read while this one multiplies, with twice the workgroup memory. */
  readonly buffers: 1 | 2;
  /**
   * - f32: operands are converted to float32 when they are staged.
   * - f16 staged: they lie in workgroup memory as float16, and are converted whenever they are multiplied: half the
   *   workgroup memory, more conversions. The results are the same.
   * - f16 products: they are multiplied, and added up within a step, in float16: about twice as fast where float16
   *   arithmetic is, with a relative error of about depth * 2^-11.
   */
  readonly precision: 'f32' | 'f16 staged' | 'f16 products';
  /** Workgroups that share the terms of a sum, each writing partial sums. */
  readonly splits: number;
}

export function operandType({ precision }: GemmTile): OperandType {
  return precision === 'f32' ? 'f32' : 'f16';
}

/** Invocations of a workgroup, along channels and along pixels. */
export function invocationGrid({ pixels, channels, invocation }: GemmTile): { columns: number; rows: number } {
  return { columns: channels / invocation.channels, rows: pixels / invocation.pixels };
}

/** How the tiles lie in workgroup memory, in vec4s: rows, and all of one buffer. */
export function stagedRows({ pixels, channels, depth }: GemmTile) {
  const inputRow = pixels + 1;
  const weightRow = channels / 4 + 1;
  return { inputRow, weightRow, inputSize: (depth / 4) * inputRow, weightSize: depth * weightRow };
}

/** 'gemm 64x64 8x8 k16', then whatever is unusual. */
export function gemmTileName({ pixels, channels, invocation, depth, buffers, precision, splits }: GemmTile): string {
  return [
    `gemm ${pixels}x${channels} ${invocation.pixels}x${invocation.channels} k${depth}`,
    ...(buffers === 2 ? ['overlapped'] : []),
    ...(precision === 'f32' ? [] : [precision]),
    ...(splits > 1 ? [`split${splits}`] : []),
  ].join(' ');
}

/** Bytes of workgroup memory. */
export function gemmWorkgroupStorage(tile: GemmTile): number {
  const { inputSize, weightSize } = stagedRows(tile);
  return (inputSize + weightSize) * 4 * bytesPerElement(operandType(tile)) * tile.buffers;
}

/** Whether a device can run a tile. Float16 is staged only of operands that are stored so. */
export function fitsDevice(
  tile: GemmTile,
  { input, weightElement }: ConvolutionTensors,
  device: KernelDevice,
): boolean {
  const { columns, rows } = invocationGrid(tile);
  const half = device.float16 && input.element === 'f16' && weightElement === 'f16';
  const computable = tile.precision === 'f32' || half;
  return (
    computable && columns * rows <= device.maxInvocations && gemmWorkgroupStorage(tile) <= device.maxWorkgroupStorage
  );
}

/**
 * The workgroup's tile, the invocation's, and the longest step: longer ones wait less often, and need more workgroup memory
 * and text.
 */
const SHAPES = [
  [128, 128, 8, 8, 16],
  [128, 64, 8, 8, 16],
  [64, 64, 8, 8, 16],
  [64, 64, 4, 4, 16],
  [64, 32, 4, 4, 16],
  [32, 64, 4, 4, 16],
  [32, 32, 4, 4, 32],
  [16, 32, 2, 4, 32],
  [64, 16, 4, 4, 16],
] as const;

/** Every tile for a layer with so many input channels in a group: in float32 and in one piece, the largest first. */
export function gemmTiles(inChannels: number): GemmTile[] {
  return SHAPES.map(([pixels, channels, ownPixels, ownChannels, longest]) => ({
    pixels,
    channels,
    invocation: { pixels: ownPixels, channels: ownChannels },
    depth: stepDepth(inChannels, longest),
    buffers: 1,
    precision: 'f32',
    splits: 1,
  }));
}

/** The longest step that fills no more terms of a sum with zeros than the shortest does. */
function stepDepth(inChannels: number, longest: number): number {
  const filled = (depth: number) => Math.ceil(inChannels / depth) * depth;
  return [32, 16].find((depth) => depth <= longest && filled(depth) === filled(8)) ?? 8;
}
