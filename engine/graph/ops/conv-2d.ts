import type { UnaryFunction } from './unary.ts';

/**
 * 2-D convolution with an epilogue. Inputs: x [N, Cin, H, W], weight [Cout, Cin / groups, kh, kw], bias [Cout] (always
 * present; zeros where the file has none), and a residual of the output's shape if the epilogue adds one.
 * Output [N, Cout, H', W'], H' = floor((H + top + bottom - dilation * (kh - 1) - 1) / stride) + 1.
 */
export interface Conv2d {
  readonly type: 'conv2d';
  /** [vertical, horizontal]. */
  readonly strides: readonly [number, number];
  /** [top, left, bottom, right], in pixels; padding is zero. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  /** Applied to the sum in this order, after the bias. */
  readonly epilogue: readonly EpilogueStep[];
}

/** A function of each element, or the addition of `scale` times the residual (at most one, the last input). */
export type EpilogueStep = UnaryFunction | AddResidual;

export interface AddResidual {
  readonly name: 'addResidual';
  readonly scale: number;
}
