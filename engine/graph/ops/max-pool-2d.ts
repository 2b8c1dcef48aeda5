import { elementCount } from '../indexing.ts';
import { requireInputs, requireKind, requireRank } from '../rules.ts';
import type { DenseTensor, OpDefinition } from '../types.ts';
import { outputSize, requireCoveredWindows } from '../windows.ts';

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
    const what = 'maxPool2d';
    requireInputs(what, inputs, 1);
    const [x] = inputs;
    requireKind(`${what}: x`, x, 'float');
    requireRank(`${what}: x`, x, 4);
    const [batch, channels, height, width] = x.shape;
    const windows = { ...op, dilations: [1, 1] } as const;
    requireCoveredWindows(what, [height, width], windows);
    return [{ kind: 'float', shape: [batch, channels, ...outputSize(what, [height, width], windows)] }];
  },

  /** One comparison for each pixel of each window. */
  cost(op, _inputs, [output]) {
    return { flops: op.kernel[0] * op.kernel[1] * elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ shape }] = maxPool2d.infer(op, inputs);
    const data = new Float64Array(elementCount(shape));
    const [planes, outHeight, outWidth] = [shape[0] * shape[1], shape[2], shape[3]];
    let index = 0;
    for (let plane = 0; plane < planes; plane++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) data[index++] = windowMaximum(op, x, plane, oy, ox);
      }
    }
    return [{ kind: 'float', shape, data }];
  },
};

function windowMaximum(op: MaxPool2d, x: DenseTensor, plane: number, oy: number, ox: number): number {
  const height = x.shape[2];
  const width = x.shape[3];
  const top = oy * op.strides[0] - op.pads[0];
  const left = ox * op.strides[1] - op.pads[1];
  let largest = -Infinity;
  for (let iy = Math.max(top, 0); iy < Math.min(top + op.kernel[0], height); iy++) {
    for (let ix = Math.max(left, 0); ix < Math.min(left + op.kernel[1], width); ix++) {
      largest = Math.max(largest, x.data[(plane * height + iy) * width + ix]);
    }
  }
  return largest;
}
