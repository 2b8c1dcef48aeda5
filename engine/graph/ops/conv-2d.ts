import { checkConvolution, doublesOf, forEachRun, planeOf } from '../convolution.ts';
import { applyEpilogue, checkEpilogue, type EpilogueStep, epilogueFlops } from '../epilogue.ts';
import { elementCount, sameShape } from '../indexing.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';
import { outputSize } from '../windows.ts';

export type { AddResidual, EpilogueStep } from '../epilogue.ts';

/**
 * 2-D convolution with an epilogue. Inputs: x [N, Cin, H, W], weight [Cout, Cin / groups, kh, kw], bias [Cout] (always
 * present; zeros where the file has none), and the residual if the epilogue adds one.
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

export const conv2d: OpDefinition<Conv2d> = {
  type: 'conv2d',

  infer(op, inputs) {
    const what = 'conv2d';
    checkConvolution(op, inputs);
    const [x, weight, bias, residual] = inputs;
    const [batch, channels, height, width] = x.shape;
    const [outChannels, groupChannels, ...kernel] = weight.shape;
    if (channels !== groupChannels * op.groups) {
      const taken = `weight [${weight.shape}] takes ${groupChannels} channels in each of ${op.groups} groups`;
      throw new ShapeError(`${what}: ${taken}, x [${x.shape}] has ${channels}`);
    }
    if (outChannels % op.groups !== 0) {
      throw new ShapeError(`${what}: ${outChannels} output channels don't divide into ${op.groups} groups`);
    }
    if (!sameShape(bias.shape, [outChannels])) {
      throw new ShapeError(`${what}: bias must be [${outChannels}], it is [${bias.shape}]`);
    }
    const windows = { ...op, kernel: [kernel[0], kernel[1]] } as const;
    const shape = [batch, outChannels, ...outputSize(what, [height, width], windows)];
    checkEpilogue(what, op.epilogue, residual, shape);
    return [{ kind: 'float', shape }];
  },

  /** A product and a sum for each weight and output (the first sum is that with the bias), then the epilogue. */
  cost(op, [, weight], [output]) {
    const [, groupChannels, kernelHeight, kernelWidth] = weight.shape;
    const perOutput = 2 * groupChannels * kernelHeight * kernelWidth;
    return { flops: perOutput * elementCount(output.shape) + epilogueFlops(op.epilogue, output.shape) };
  },

  reference(op, inputs) {
    const [x, weight, bias, residual] = inputs;
    const [{ shape }] = conv2d.infer(op, inputs);
    const data = new Float64Array(elementCount(shape));
    const source = doublesOf(x);
    const kernels = doublesOf(weight);
    const [outChannels, groupChannels] = weight.shape;
    const stride = op.strides[1];
    const accumulate = (factor: number, write: number, read: number, count: number) => {
      for (let i = 0; i < count; i++) data[write + i] += factor * source[read + i * stride];
    };
    for (let image = 0; image < shape[0]; image++) {
      for (let outChannel = 0; outChannel < outChannels; outChannel++) {
        const target = planeOf(data, shape, image * outChannels + outChannel);
        data.fill(bias.data[outChannel], target.start, target.start + target.height * target.width);
        const group = Math.floor((outChannel * op.groups) / outChannels);
        for (let c = 0; c < groupChannels; c++) {
          const kernel = planeOf(kernels, weight.shape, outChannel * groupChannels + c);
          const channel = planeOf(source, x.shape, image * x.shape[1] + group * groupChannels + c);
          forEachRun(op, kernel, target, channel, accumulate);
        }
      }
    }
    applyEpilogue(data, op.epilogue, residual);
    return [{ kind: 'float', shape, data }];
  },
};
