import { elementCount } from '../indexing.ts';
import { evaluatePool, inferPool } from '../pooling.ts';
import type { OpDefinition } from '../tensor.ts';

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

export const averagePool2d: OpDefinition<AveragePool2d> = {
  type: 'averagePool2d',

  infer(op, inputs) {
    return inferPool(op, inputs, !op.countIncludePad);
  },

  cost(op, _inputs, [output]) {
    return { flops: op.kernel[0] * op.kernel[1] * elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ shape }] = averagePool2d.infer(op, inputs);
    const [, , height, width] = x.shape;
    const mean = evaluatePool(op, x, shape, (plane, { top, bottom, left, right }) => {
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        const start = (plane * height + row) * width;
        for (let column = left; column < right; column++) sum += x.data[start + column];
      }
      return sum / (op.countIncludePad ? op.kernel[0] * op.kernel[1] : (bottom - top) * (right - left));
    });
    return [mean];
  },
};
