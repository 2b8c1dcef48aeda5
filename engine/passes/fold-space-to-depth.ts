import type { Conv2d } from '../graph/ops/conv-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { ConstantData, Node, Value } from '../graph/types.ts';
import { type Pass, Tally } from './pass.ts';

/**
 * The "focus" layer of YOLOv5 and YOLOX: every other row and column of the image, four times, joined as channels, then a
 * convolution. That is one convolution of the image with the same weights in other places, each side of the kernel twice
 * as long, stride 2: of the image, nothing has to be copied.
 */
export const foldSpaceToDepth: Pass = {
  name: 'fold-space-to-depth',
  description:
    'Turns a convolution of joined slices of every n-th pixel into one of the tensor that they are slices of.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const folded = rewrite(graph, (node, rewriter) => {
      const blocks = isCandidate(node) ? blocksOf(node.inputs[0], rewriter) : undefined;
      if (!blocks) return undefined;
      tally.add(`slices in steps of ${blocks.step} pixels folded into the convolution of what they join`);
      return convolveWhole(node as Node<Conv2d>, blocks, rewriter);
    });
    return { graph: folded, notes: tally.notes };
  },
};

function isCandidate({ op, inputs }: Node): boolean {
  return (
    op.type === 'conv2d' && op.groups === 1 && op.dilations.every((d) => d === 1) && inputs[1].constant !== undefined
  );
}

/** A tensor whose channels are those of another at every offset within squares of `step` x `step` pixels. */
interface Blocks {
  readonly source: Value;
  readonly step: number;
  /** [row, column] in the square, for each stretch of the source's channels. */
  readonly offsets: readonly (readonly [number, number])[];
}

function blocksOf(joined: Value, rewriter: Rewriter): Blocks | undefined {
  const concat = rewriter.usesOf(joined) === 1 ? rewriter.producerOf(joined) : undefined;
  if (concat?.op.type !== 'concat' || concat.op.axis !== 1) return undefined;
  const slices = concat.inputs.map((input) => gridOf(input, rewriter));
  const [first] = slices;
  const step = first?.steps[2] ?? 0;
  const offsets: [number, number][] = [];
  for (const slice of slices) {
    if (!first || slice?.source !== first.source) return undefined;
    const { starts, steps, source } = slice;
    const everyOther = steps.join() === [1, 1, step, step].join() && starts[0] === 0 && starts[1] === 0;
    const whole = joined.shape[2] * step === source.shape[2] && joined.shape[3] * step === source.shape[3];
    if (!everyOther || !whole || starts[2] >= step || starts[3] >= step) return undefined;
    offsets.push([starts[2], starts[3]]);
  }
  const distinct = new Set(offsets.map(([row, column]) => row * step + column)).size;
  const complete = distinct === step * step && offsets.length === distinct;
  const channels = first && joined.shape[1] === first.source.shape[1] * offsets.length;
  return first && step > 1 && complete && channels ? { source: first.source, step, offsets } : undefined;
}

/** A value as one slice of a tensor of four dimensions, through any number of slices. */
function gridOf(
  value: Value,
  { producerOf }: Rewriter,
): { source: Value; starts: number[]; steps: number[] } | undefined {
  let source = value;
  let [starts, steps] = [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ];
  for (let node = producerOf(source); node?.op.type === 'slice'; node = producerOf(source)) {
    const { op } = node;
    starts = starts.map((start, axis) => op.starts[axis] + op.steps[axis] * start);
    steps = steps.map((step, axis) => op.steps[axis] * step);
    [source] = node.inputs;
  }
  return source.shape.length === 4 && source !== value ? { source, starts, steps } : undefined;
}

function convolveWhole(node: Node<Conv2d>, { source, step, offsets }: Blocks, { emit }: Rewriter): readonly Value[] {
  const [, weight, ...others] = node.inputs;
  const [outChannels, , height, width] = weight.shape;
  const channels = source.shape[1];
  const shape = [outChannels, channels, height * step, width * step];
  const constant = new Float32Array((weight.constant as ConstantData).length);
  (weight.constant as ConstantData).forEach((value, index) => {
    const x = index % width;
    const y = Math.floor(index / width) % height;
    const plane = Math.floor(index / (width * height));
    const [out, joined] = [Math.floor(plane / (channels * offsets.length)), plane % (channels * offsets.length)];
    const [row, column] = offsets[Math.floor(joined / channels)];
    const line = ((out * channels + (joined % channels)) * height + y) * step + row;
    constant[(line * width + x) * step + column] = value;
  });
  const op: Conv2d = {
    ...node.op,
    strides: [node.op.strides[0] * step, node.op.strides[1] * step],
    pads: node.op.pads.map((count) => count * step) as [number, number, number, number],
  };
  return emit(op, [source, { ...weight, shape, constant }, ...others], node.name, [node.outputs[0].name]);
}
