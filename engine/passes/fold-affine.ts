import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Node, Value } from '../graph/types.ts';
import { type Affine, affineOf } from './affine.ts';
import { type Convolution, forEachKernel, isLinear } from './convolutions.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * Batch normalisation arrives as a multiplication and an addition, so this is "conv + BN". A scale or shift after a
 * convolution is always exact in its weights. One before it is exact if it is a scale; a shift only without padding,
 * because padding is zero after the shift, not before it.
 */
export const foldAffine: Pass = {
  name: 'fold-affine',
  description: 'Folds scales and shifts of channels (batch normalisation) into the convolution before or after them.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const folded = rewrite(graph, (node, rewriter) =>
      isLinear(node) ? foldBefore(node, rewriter, tally) : foldAfter(node, rewriter, tally),
    );
    return { graph: folded, notes: tally.notes };
  },
};

function foldAfter(node: Node, { emit, producerOf, usesOf }: Rewriter, tally: Tally): readonly Value[] | undefined {
  const affine = affineOf(node);
  if (!affine || usesOf(affine.input) !== 1) return undefined;
  const convolution = producerOf(affine.input);
  if (!isLinear(convolution)) return undefined;
  const [x, weight, bias] = convolution.inputs;
  const scaled = Float32Array.from(weight.constant as ConstantData);
  forEachKernel(convolution.op, weight.shape, (outChannel, _, start, size) => {
    for (let i = start; i < start + size; i++) scaled[i] *= affine.scale[outChannel];
  });
  const shifted = Float32Array.from(bias.constant as ConstantData, (value, channel) => {
    return value * affine.scale[channel] + affine.shift[channel];
  });
  tally.add('scale or shift folded into the convolution before it');
  const inputs = [x, { ...weight, constant: scaled }, { ...bias, constant: shifted }];
  return emit(convolution.op, inputs, convolution.name, [node.outputs[0].name]);
}

function foldBefore(node: Node<Convolution>, rewriter: Rewriter, tally: Tally): readonly Value[] | undefined {
  const affines = affinesBefore(node, rewriter);
  if (affines.length === 0) return undefined;
  const [, weight, bias] = node.inputs;
  const scaled = Float64Array.from(weight.constant as ConstantData);
  const shifted = Float64Array.from(bias.constant as ConstantData);
  for (const { scale, shift } of affines) {
    forEachKernel(node.op, weight.shape, (outChannel, inChannel, start, size) => {
      for (let i = start; i < start + size; i++) {
        shifted[outChannel] += scaled[i] * shift[inChannel];
        scaled[i] *= scale[inChannel];
      }
    });
    tally.add('scale or shift folded into the convolution after it');
  }
  const x = affines[affines.length - 1].input;
  const inputs = [
    x,
    { ...weight, constant: Float32Array.from(scaled) },
    { ...bias, constant: Float32Array.from(shifted) },
  ];
  return rewriter.emit(node.op, inputs, node.name, [node.outputs[0].name]);
}

/** The scales and shifts that lead to a convolution and nowhere else, the last one first. */
function affinesBefore(node: Node<Convolution>, { producerOf, usesOf }: Rewriter): Affine[] {
  const affines: Affine[] = [];
  let [x] = node.inputs;
  for (;;) {
    const affine = usesOf(x) === 1 ? affineOf(producerOf(x)) : undefined;
    if (!affine || !isExactBefore(node.op, affine)) return affines;
    affines.push(affine);
    x = affine.input;
  }
}

function isExactBefore(op: Convolution, affine: Affine): boolean {
  if (affine.shift.every((shift) => shift === 0)) return true;
  return op.type === 'conv2d' && op.pads.every((count) => count === 0);
}
