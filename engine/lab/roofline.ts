import type { EngineDevice } from '../runtime/device.ts';
import type { PipelineCache } from '../runtime/dispatch.ts';
import { measureRooflines, type Roofline } from '../runtime/roofline.ts';
import type { LabLayer } from './layer.ts';

/** A kernel's run on the roofline (Williams, Waterman, Patterson 2009, doi 10.1145/1498765.1498785). */
export interface RooflinePoint {
  /** FLOPs of the layer for each byte that the kernel must move. */
  readonly intensity: number;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /**
   * The least time that the layer's arithmetic or memory needs on this device, over the time taken. A kernel that needs
   * fewer multiplications than the layer states, as Winograd's do, may exceed 1.
   */
  readonly share?: number;
  /** Which of the two that is. */
  readonly bound?: 'arithmetic' | 'memory';
}

/**
 * Both roofs of the device for a layer: its arithmetic counts as float16 where that is what it stores. Measured once;
 * undefined where the device has no timestamps to measure with.
 */
export async function deviceRoofline(
  device: EngineDevice,
  cache: PipelineCache,
  { spec }: Pick<LabLayer, 'spec'>,
): Promise<Roofline | undefined> {
  if (!device.features.timestamps) return undefined;
  const { float32, float16 = float32 } = await measureRooflines(device, cache);
  return spec.output.element === 'f16' ? float16 : float32;
}

/** @param moved bytes that the kernel moves at least; more than the layer's where dispatches hand on intermediate results */
export function rooflinePoint(
  { flops, bytes }: Pick<LabLayer, 'flops' | 'bytes'>,
  milliseconds: number,
  roofline: Roofline | undefined,
  moved = bytes,
): RooflinePoint {
  const seconds = milliseconds / 1000;
  const point = { intensity: flops / moved, flopsPerSecond: flops / seconds, bytesPerSecond: moved / seconds };
  if (!roofline) return point;
  const arithmetic = flops / roofline.flopsPerSecond;
  const memory = bytes / roofline.bytesPerSecond;
  const bound = arithmetic >= memory ? 'arithmetic' : 'memory';
  return { ...point, share: Math.max(arithmetic, memory) / seconds, bound };
}

/** The most FLOP/s that an intensity allows. */
export function roofAt(intensity: number, { flopsPerSecond, bytesPerSecond }: Roofline): number {
  return Math.min(flopsPerSecond, intensity * bytesPerSecond);
}

/** The intensity at which both roofs meet: below it memory is the limit, above it arithmetic. */
export function ridgeIntensity({ flopsPerSecond, bytesPerSecond }: Roofline): number {
  return flopsPerSecond / bytesPerSecond;
}
