import { addsResidual } from '../graph/epilogue.ts';
import { sameShape } from '../graph/indexing.ts';
import type { EpilogueStep } from '../graph/ops/conv-2d.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { uniformValue } from './constants.ts';
import { type Convolution, isConvolution } from './convolutions.ts';
import { type Pass, Tally } from './pass.ts';

export const fuseEpilogue: Pass = {
  name: 'fuse-epilogue',
  description: 'Moves activations and residual additions into the convolution whose result they read.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const fused = rewrite(graph, (node, rewriter) => {
      if (node.op.type === 'unary') return fuseFunction(node, rewriter, tally);
      if (node.op.type === 'binary') return fuseResidual(node, rewriter, tally);
      return undefined;
    });
    return { graph: fused, notes: tally.notes };
  },
};

function fuseFunction(node: Node, rewriter: Rewriter, tally: Tally): readonly Value[] | undefined {
  if (node.op.type !== 'unary') return undefined;
  const convolution = soleConvolution(node.inputs[0], rewriter);
  if (!convolution) return undefined;
  const step = node.op.function;
  tally.add(`${step.name} moved into a convolution`);
  return extend(convolution, step, convolution.inputs, node, rewriter);
}

/**
 * The convolution then runs where the addition did, after everything that the addition reads. Where both terms are
 * convolutions, the later one takes the addition, so that the earlier one's input needn't stay alive.
 */
function fuseResidual(node: Node, rewriter: Rewriter, tally: Tally): readonly Value[] | undefined {
  if (node.op.type !== 'binary') return undefined;
  const { function: name } = node.op;
  if (name !== 'add' && name !== 'subtract') return undefined;
  const [a, b] = node.inputs;
  if (a.constant || b.constant || !sameShape(a.shape, b.shape)) return undefined;
  const candidates: { convolution: Node<Convolution>; residual: Value }[] = [];
  for (const [value, residual] of name === 'add'
    ? [
        [a, b],
        [b, a],
      ]
    : [[a, b]]) {
    const convolution = soleConvolution(value, rewriter);
    if (convolution && !addsResidual(convolution.op.epilogue)) candidates.push({ convolution, residual });
  }
  candidates.sort((one, other) => rewriter.positionOf(other.convolution) - rewriter.positionOf(one.convolution));
  const [chosen] = candidates;
  if (!chosen) return undefined;
  const { x, factor } = withoutFactor(chosen.residual, rewriter);
  const scale = name === 'add' ? factor : -factor;
  tally.add(scale === 1 ? 'residual addition moved into a convolution' : 'scaled residual moved into a convolution');
  const step: EpilogueStep = { name: 'addResidual', scale };
  return extend(chosen.convolution, step, [...chosen.convolution.inputs, x], node, rewriter);
}

/** The convolution that computes a value which nothing else reads. */
function soleConvolution(value: Value, { producerOf, usesOf }: Rewriter): Node<Convolution> | undefined {
  const producer = usesOf(value) === 1 ? producerOf(value) : undefined;
  return isConvolution(producer) ? producer : undefined;
}

function extend(
  convolution: Node<Convolution>,
  step: EpilogueStep,
  inputs: readonly Value[],
  node: Node,
  { emit }: Rewriter,
): readonly Value[] {
  const op = { ...convolution.op, epilogue: [...convolution.op.epilogue, step] };
  return emit(op, inputs, convolution.name, [node.outputs[0].name]);
}

/** x and the number, if the value is x * number and nothing else reads it; else the value itself. */
function withoutFactor(value: Value, { producerOf, usesOf }: Rewriter): { x: Value; factor: number } {
  const node = usesOf(value) === 1 ? producerOf(value) : undefined;
  if (node?.op.type === 'binary' && node.op.function === 'multiply') {
    const [a, b] = node.inputs;
    for (const [x, constant] of [
      [a, b],
      [b, a],
    ]) {
      const factor = uniformValue(constant);
      if (factor !== undefined && sameShape(x.shape, value.shape)) return { x, factor };
    }
  }
  return { x: value, factor: 1 };
}
