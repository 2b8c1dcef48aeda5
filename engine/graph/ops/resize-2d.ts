/**
 * Resamples the last two dimensions of [N, C, H, W]. The source coordinate of output i with scale s (output / input):
 * asymmetric i / s; halfPixel (i + 0.5) / s - 0.5; alignCorners i * (in - 1) / (out - 1). Coordinates are clamped.
 */
export interface Resize2d {
  readonly type: 'resize2d';
  /** [height, width] of the output. */
  readonly size: readonly [number, number];
  /** [vertical, horizontal], as the file states them (size / input size where it states sizes). */
  readonly scales: readonly [number, number];
  readonly mode: 'nearest' | 'linear';
  readonly coordinates: 'asymmetric' | 'halfPixel' | 'pytorchHalfPixel' | 'alignCorners';
  /** How nearest rounds the source coordinate. */
  readonly rounding: 'floor' | 'ceil' | 'roundPreferFloor' | 'roundPreferCeil';
}
