/**
 * Sum, mean, maximum, minimum or product over axes of a strided view.
 *
 * Variants:
 * - element per invocation: each invocation walks the reduced elements of one output.
 * - element per workgroup: for long reductions, 32 invocations take strides of them and join their results;
 *   that also keeps the rounding error of long sums small.
 *
 * FLOPs: one per element of the input. Bytes: input and output once.
 *
 * Measured on llvmpipe, means of 256 planes of 1600: an element per workgroup takes 1.8 to 2.5 of the time of one per
 * invocation. It is kept for its rounding, and because a graphics card has far more lanes than there are outputs.
 */
import type { Reduce } from '../engine/graph/ops/reduce.ts';
import { computeType, load, store, zero } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { paddedLoop, paddingParameters, whereInPadding } from './padding.ts';
import { atStart, collapseDimensions, countOf, loopText, unsigned } from './strided.ts';
import { rowDispatch, workgroupReduction } from './workgroup-reduction.ts';

export interface ReduceOptions {
  readonly input: TensorView;
  /** The reduced axes have size 1 or, as the op says, are absent. Float or i32 as the input. */
  readonly output: TensorView;
  readonly op: Reduce;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Reductions of at least this many elements get a workgroup per output. */
const LONG_REDUCTION = 256;

/** Bindings: input, output. */
export function reduce(options: ReduceOptions): Kernel {
  const { input, output, op } = options;
  const type = computeType(input.element);
  if (type !== computeType(output.element)) {
    throw new Error(`A reduction of ${input.element} can't be stored as ${output.element}`);
  }
  const kept = atStart(input, op.axes);
  const remains = <T>(list: readonly T[]) => list.filter((_, axis) => op.keepDims || !op.axes.includes(axis));
  const { loop, padding } = paddedLoop(
    [output, { ...kept, shape: remains(kept.shape), strides: remains(kept.strides) }],
    options.padTo4,
  );
  const others = input.shape.map((_, axis) => axis).filter((axis) => !op.axes.includes(axis));
  const reduced = collapseDimensions([atStart(input, others)]);
  const count = countOf(reduced.sizes);

  const bindings: Binding[] = [
    { name: 'x', element: input.element, vector: 1, access: 'read' },
    { name: 'y', element: output.element, vector: 1, access: 'write' },
  ];
  const [x, y] = bindings;
  const text = loopText(loop, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: input.offset },
  ]);
  const inner = loopText(reduced, [{ name: 'element' }], 'k', 'r');
  const perWorkgroup = count >= LONG_REDUCTION;
  const dispatch = rowDispatch(countOf(loop.sizes), perWorkgroup);
  const { combine, initial } = combinations[op.function];
  const [to, from] = text.offsets;
  return {
    label: `reduce ${op.function} per ${perWorkgroup ? 'workgroup' : 'invocation'} ${input.element} rank ${loop.sizes.length} of ${reduced.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...paddingParameters(padding),
      ...inner.parameters,
      ...dispatch.parameters,
      unsigned('count', count),
    ],
    workgroupSize: dispatch.workgroupSize,
    workgroups: dispatch.workgroups,
    body: `${perWorkgroup ? workgroupReduction('join', type, combine) : ''}
${dispatch.entry}
  ${text.coordinates}
  ${whereInPadding(padding, text, `${store(y, to, zero(y))} return;`)}
  let xAt = ${from};
  var result = ${initial === undefined ? load(x, 'xAt') : `${type}(${initial})`};
  for (var k = ${dispatch.first}; k < params.count; k += ${dispatch.step}) {
    ${inner.coordinates}
    result = ${combine('result', load(x, `xAt + ${inner.offsets[0]}`))};
  }
  ${perWorkgroup ? `result = join(lane, result);\n  if (lane > 0u) { return; }` : ''}
  ${store(y, to, op.function === 'mean' ? `result / ${type}(params.count)` : 'result')}
}
`,
  };
}

interface Combination {
  readonly combine: (a: string, b: string) => string;
  /** What to begin with; the first element where there is none, which may then be taken several times. */
  readonly initial?: number;
}

const sum: Combination = { combine: (a, b) => `${a} + ${b}`, initial: 0 };

const combinations: { readonly [name in Reduce['function']]: Combination } = {
  sum,
  mean: sum,
  product: { combine: (a, b) => `${a} * ${b}`, initial: 1 },
  maximum: { combine: (a, b) => `max(${a}, ${b})` },
  minimum: { combine: (a, b) => `min(${a}, ${b})` },
};
