import type { EpilogueStep } from './conv-2d.ts';

/**
 * Transposed 2-D convolution. Inputs: x [N, Cin, H, W], weight [Cin, Cout / groups, kh, kw], bias [Cout], and a residual
 * if the epilogue adds one. Output height is (H - 1) * stride - top - bottom + dilation * (kh - 1) + 1 + output padding.
 */
export interface ConvTranspose2d {
  readonly type: 'convTranspose2d';
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly outputPadding: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  readonly epilogue: readonly EpilogueStep[];
}
