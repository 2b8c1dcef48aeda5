import { addsResidual } from '../graph/epilogue.ts';
import type { Conv2d, EpilogueStep } from '../graph/ops/conv-2d.ts';
import { samplesAlong } from '../graph/ops/resize-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Node, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * The neck of a feature pyramid: a coarse map is upsampled, joined with a finer one, and both pass a 1 x 1 convolution. That
 * is linear in each pixel by itself, so conv(concat(up(a), b)) = up(conv(a)) + conv(b) with the weights divided by input
 * channels: the coarse part is convolved before it has four times as many pixels, and the upsampled map never exists.
 */
export const splitUpsampled: Pass = {
  name: 'split-upsampled',
  description: 'Convolves a map before it is upsampled and joined with another, where the convolution is 1 x 1.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const split = rewrite(graph, (node, rewriter) => {
      const match = matchUpsampled(node, rewriter);
      if (!match) return undefined;
      tally.add('1 x 1 convolution divided into that of an upsampled map and of what is joined with it');
      return emitParts(node as Node<Conv2d>, match, rewriter);
    });
    return { graph: split, notes: tally.notes };
  },
};

interface Upsampled {
  /** The map before it is upsampled, by `factor` in height and width. */
  readonly coarse: Value;
  readonly factor: number;
  /** Of the concatenation: the inputs, and which of them is the upsampled map. */
  readonly inputs: readonly Value[];
  readonly index: number;
}

function matchUpsampled({ op, inputs }: Node, { producerOf, usesOf }: Rewriter): Upsampled | undefined {
  if (op.type !== 'conv2d' || op.groups !== 1 || addsResidual(op.epilogue)) return undefined;
  const [joined, weight, bias] = inputs;
  const isPointwise =
    weight.shape[2] * weight.shape[3] === 1 &&
    op.strides.every((s) => s === 1) &&
    op.pads.every((count) => count === 0);
  if (!isPointwise || !weight.constant || !bias.constant) return undefined;
  const concat = usesOf(joined) === 1 ? producerOf(joined) : undefined;
  if (concat?.op.type !== 'concat' || concat.op.axis !== 1 || concat.inputs.length < 2) return undefined;
  for (const [index, input] of concat.inputs.entries()) {
    const resize = usesOf(input) === 1 ? producerOf(input) : undefined;
    const factor = resize && replication(resize);
    // What is added has the output's channels: fewer of them than a square's pixels have in all.
    if (factor && weight.shape[0] <= input.shape[1] * factor * factor) {
      return { coarse: resize.inputs[0], factor, inputs: concat.inputs, index };
    }
  }
  return undefined;
}

/** The side of the square that a node makes of each pixel, if it does that and nothing else. */
function replication({ op, inputs: [x] }: Node): number | undefined {
  if (op.type !== 'resize2d' || op.mode !== 'nearest') return undefined;
  const factor = op.size[0] / x.shape[2];
  const replicates = ([0, 1] as const).every((axis) => {
    const samples = samplesAlong(op, axis, x.shape[2 + axis]);
    return (
      samples.length === factor * x.shape[2 + axis] && samples.every(({ first }, i) => first === Math.floor(i / factor))
    );
  });
  return Number.isInteger(factor) && factor > 1 && replicates ? factor : undefined;
}

function emitParts(
  node: Node<Conv2d>,
  { coarse, factor, inputs, index }: Upsampled,
  { emit }: Rewriter,
): readonly Value[] {
  const { op, name, outputs } = node;
  const [, weight, bias] = node.inputs;
  const start = inputs.slice(0, index).reduce((sum, { shape }) => sum + shape[1], 0);
  const isCoarse = (channel: number) => channel >= start && channel < start + coarse.shape[1];
  const zeros = new Float32Array(bias.shape[0]);
  const coarseName = `${outputs[0].name}:coarse`;
  const [added] = emit(
    { ...op, epilogue: [] },
    [coarse, selectChannels(weight, isCoarse), { ...bias, constant: zeros }],
    name,
    [coarseName],
  );
  const others = inputs.filter((_, i) => i !== index);
  const x = others.length === 1 ? others[0] : emit({ type: 'concat', axis: 1 }, others, `${name}:joined`)[0];
  const step: EpilogueStep = { name: 'addResidual', scale: 1, upsample: factor };
  const fine = selectChannels(weight, (channel) => !isCoarse(channel));
  return emit({ ...op, epilogue: [step, ...op.epilogue] }, [x, fine, bias, added], name, [outputs[0].name]);
}

/** Some input channels of a 1 x 1 weight. */
function selectChannels(weight: Value, selects: (channel: number) => boolean): Value {
  const [outChannels, channels] = weight.shape;
  const constant = (weight.constant as ConstantData).filter((_, index) => selects(index % channels));
  return { ...weight, shape: [outChannels, constant.length / outChannels, 1, 1], constant };
}
