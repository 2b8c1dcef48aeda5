/** Mean over a window. Input [N, C, H, W], output [N, C, H', W'] with H' = floor((H + top + bottom - kh) / sh) + 1. */
export interface AveragePool2d {
  readonly type: 'averagePool2d';
  /** [height, width] of the window, in pixels. */
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** [top, left, bottom, right], in pixels. */
  readonly pads: readonly [number, number, number, number];
  /** Whether padding counts in the divisor (as zeros) or not at all. */
  readonly countIncludePad: boolean;
}
