import { elementCount } from '../indexing.ts';
import { requireInputs, requireKind, requireRank } from '../rules.ts';
import type { DenseTensor, OpDefinition } from '../types.ts';
import { outputSize, requireCoveredWindows } from '../windows.ts';

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
    const what = 'averagePool2d';
    requireInputs(what, inputs, 1);
    const [x] = inputs;
    requireKind(`${what}: x`, x, 'float');
    requireRank(`${what}: x`, x, 4);
    const [batch, channels, height, width] = x.shape;
    const windows = { ...op, dilations: [1, 1] } as const;
    if (!op.countIncludePad) requireCoveredWindows(what, [height, width], windows);
    return [{ kind: 'float', shape: [batch, channels, ...outputSize(what, [height, width], windows)] }];
  },

  cost(op, _inputs, [output]) {
    return { flops: op.kernel[0] * op.kernel[1] * elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ shape }] = averagePool2d.infer(op, inputs);
    const data = new Float64Array(elementCount(shape));
    const [planes, outHeight, outWidth] = [shape[0] * shape[1], shape[2], shape[3]];
    let index = 0;
    for (let plane = 0; plane < planes; plane++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) data[index++] = windowMean(op, x, plane, oy, ox);
      }
    }
    return [{ kind: 'float', shape, data }];
  },
};

function windowMean(op: AveragePool2d, x: DenseTensor, plane: number, oy: number, ox: number): number {
  const [height, width] = x.shape.slice(2);
  let sum = 0;
  let pixels = 0;
  for (let ky = 0; ky < op.kernel[0]; ky++) {
    const iy = oy * op.strides[0] - op.pads[0] + ky;
    if (iy < 0 || iy >= height) continue;
    for (let kx = 0; kx < op.kernel[1]; kx++) {
      const ix = ox * op.strides[1] - op.pads[1] + kx;
      if (ix < 0 || ix >= width) continue;
      sum += x.data[(plane * height + iy) * width + ix];
      pixels++;
    }
  }
  return sum / (op.countIncludePad ? op.kernel[0] * op.kernel[1] : pixels);
}
