/** Largest value of a window; padding never wins. Input [N, C, H, W], output as `AveragePool2d`. */
export interface MaxPool2d {
  readonly type: 'maxPool2d';
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** [top, left, bottom, right], in pixels. Ceil mode is expressed as more bottom and right padding. */
  readonly pads: readonly [number, number, number, number];
}
