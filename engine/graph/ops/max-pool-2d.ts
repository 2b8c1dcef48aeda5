import { elementCount } from '../indexing.ts';
import { evaluatePool, inferPool } from '../pooling.ts';
import type { OpDefinition } from '../tensor.ts';

/** Largest value of a window; padding never wins. Input [N, C, H, W], output as `AveragePool2d`. */
export interface MaxPool2d {
  readonly type: 'maxPool2d';
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** [top, left, bottom, right], in pixels. Ceil mode is expressed as more bottom and right padding. */
  readonly pads: readonly [number, number, number, number];
}

export const maxPool2d: OpDefinition<MaxPool2d> = {
  type: 'maxPool2d',

  infer(op, inputs) {
    return inferPool(op, inputs, true);
  },

  /** One comparison for each pixel of each window. */
  cost(op, _inputs, [output]) {
    return { flops: op.kernel[0] * op.kernel[1] * elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ shape }] = maxPool2d.infer(op, inputs);
    const [, , height, width] = x.shape;
    const maximum = evaluatePool(op, x, shape, (plane, { top, bottom, left, right }) => {
      let largest = -Infinity;
      for (let row = top; row < bottom; row++) {
        const start = (plane * height + row) * width;
        for (let column = left; column < right; column++) largest = Math.max(largest, x.data[start + column]);
      }
      return largest;
    });
    return [maximum];
  },
};
