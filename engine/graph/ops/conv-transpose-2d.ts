import { checkConvolution, doublesOf, forEachRun, planeOf } from '../convolution.ts';
import { applyEpilogue, checkEpilogue, type EpilogueStep, epilogueFlops } from '../epilogue.ts';
import { elementCount, sameShape } from '../indexing.ts';
import { requirePerAxis } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

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

export const convTranspose2d: OpDefinition<ConvTranspose2d> = {
  type: 'convTranspose2d',

  infer(op, inputs) {
    const what = 'convTranspose2d';
    checkConvolution(op, inputs);
    requirePerAxis(`${what}: output padding`, op.outputPadding, 2, 0);
    const [x, weight, bias, residual] = inputs;
    const [batch, channels] = x.shape;
    if (channels !== weight.shape[0]) {
      throw new ShapeError(`${what}: weight [${weight.shape}] takes ${weight.shape[0]} channels, x has ${channels}`);
    }
    if (channels % op.groups !== 0) {
      throw new ShapeError(`${what}: ${channels} input channels don't divide into ${op.groups} groups`);
    }
    const outChannels = weight.shape[1] * op.groups;
    if (!sameShape(bias.shape, [outChannels])) {
      throw new ShapeError(`${what}: bias must be [${outChannels}], it is [${bias.shape}]`);
    }
    const spatial = ([0, 1] as const).map((axis) => {
      const spread = (x.shape[2 + axis] - 1) * op.strides[axis] + op.dilations[axis] * (weight.shape[2 + axis] - 1) + 1;
      return spread - op.pads[axis] - op.pads[axis + 2] + op.outputPadding[axis];
    });
    if (spatial.some((size) => size < 1)) {
      throw new ShapeError(`${what}: padding [${op.pads}] leaves nothing of the output, it would be [${spatial}]`);
    }
    const shape = [batch, outChannels, ...spatial];
    checkEpilogue(what, op.epilogue, residual, shape);
    return [{ kind: 'float', shape }];
  },

  /** A product and a sum for each input element and weight, then the epilogue. */
  cost(op, [x, weight], [output]) {
    const perInput = 2 * weight.shape[1] * weight.shape[2] * weight.shape[3];
    return { flops: perInput * elementCount(x.shape) + epilogueFlops(op.epilogue, output.shape) };
  },

  reference(op, inputs) {
    const [x, weight, bias, residual] = inputs;
    const [{ shape }] = convTranspose2d.infer(op, inputs);
    const data = new Float64Array(elementCount(shape));
    const source = doublesOf(x);
    const kernels = doublesOf(weight);
    const [channels, groupOutChannels] = weight.shape;
    const outChannels = shape[1];
    const stride = op.strides[1];
    const accumulate = (factor: number, read: number, write: number, count: number) => {
      for (let i = 0; i < count; i++) data[write + i * stride] += factor * source[read + i];
    };
    for (let image = 0; image < shape[0]; image++) {
      for (let outChannel = 0; outChannel < outChannels; outChannel++) {
        const { start, height, width } = planeOf(data, shape, image * outChannels + outChannel);
        data.fill(bias.data[outChannel], start, start + height * width);
      }
      for (let channel = 0; channel < channels; channel++) {
        const input = planeOf(source, x.shape, image * channels + channel);
        const group = Math.floor((channel * op.groups) / channels);
        for (let c = 0; c < groupOutChannels; c++) {
          const kernel = planeOf(kernels, weight.shape, channel * groupOutChannels + c);
          const target = planeOf(data, shape, image * outChannels + group * groupOutChannels + c);
          forEachRun(op, kernel, input, target, accumulate);
        }
      }
    }
    applyEpilogue(data, op.epilogue, residual);
    return [{ kind: 'float', shape, data }];
  },
};
