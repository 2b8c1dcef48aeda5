/**
 * Softmax along one axis of strided views: exp(x - max) / sum. Three passes over a row; the exponentials are computed
 * twice rather than stored, since rows stay in cache.
 *
 * Variants:
 * - row per invocation: for short rows (the 33600 rows of 16 of a box distribution). No memory is shared.
 * - row per workgroup: for long rows (attention): 32 invocations take strides of the row and join their maxima and sums.
 *
 * FLOPs: 5 per element. Bytes: input and output once.
 *
 * Measured on llvmpipe, 800 rows of 400: a row per workgroup takes 1.4 of the time of a row per invocation. It is kept for
 * long rows because a graphics card has far more lanes than there are rows.
 */

import { load, store, zero } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { type Padding, paddedLoop, paddedSize, paddingParameters, whereInPadding } from './padding.ts';
import { atStart, countOf, type LoopText, loopText, unsigned } from './strided.ts';
import { type RowDispatch, rowDispatch, workgroupReduction } from './workgroup-reduction.ts';

export interface SoftmaxOptions {
  readonly input: TensorView;
  readonly output: TensorView;
  readonly axis: number;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Rows of at least this length get a workgroup each. */
const LONG_ROW = 128;

/** Bindings: input, output. */
export function softmax(options: SoftmaxOptions): Kernel {
  const { input, output, axis, padTo4 } = options;
  const length = output.shape[axis];
  // Along the axis itself the padding is the end of each row; along another it is whole rows.
  const rowViews = [output, input].map((view) => atStart(view, [axis]));
  const { loop, padding } = paddedLoop(rowViews, padTo4 === axis ? undefined : padTo4);
  const bindings: Binding[] = [
    { name: 'x', element: input.element, vector: 1, access: 'read' },
    { name: 'y', element: output.element, vector: 1, access: 'write' },
  ];
  const text = loopText(loop, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: input.offset },
  ]);
  const perWorkgroup = length >= LONG_ROW;
  const dispatch = rowDispatch(countOf(loop.sizes), perWorkgroup);
  return {
    label: `softmax row per ${perWorkgroup ? 'workgroup' : 'invocation'} ${input.element} rank ${loop.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...paddingParameters(padding),
      ...dispatch.parameters,
      unsigned('length', length),
      unsigned('writtenLength', padTo4 === axis ? paddedSize(length) : length),
      unsigned('xStep', input.strides[axis]),
      unsigned('yStep', output.strides[axis]),
    ],
    workgroupSize: dispatch.workgroupSize,
    workgroups: dispatch.workgroups,
    body: `${perWorkgroup ? REDUCTIONS : ''}
${bodyText(bindings, text, padding, dispatch, perWorkgroup)}`,
  };
}

function bodyText(
  [x, y]: readonly Binding[],
  text: LoopText,
  padding: Padding | undefined,
  { entry, first, step }: RowDispatch,
  perWorkgroup: boolean,
): string {
  const [to, from] = text.offsets;
  const zeros = store(y, 'yAt + i * params.yStep', zero(y));
  const zeroRow = `for (var i = ${first}; i < params.length; i += ${step}) { ${zeros} }
    return;`;
  return `${entry}
  ${text.coordinates}
  let yAt = ${to};
  let xAt = ${from};
  ${whereInPadding(padding, text, zeroRow)}
  // A lane beyond a short row repeats its last element: that leaves the maximum alone.
  var largest = ${load(x, `xAt + min(${first}, params.length - 1u) * params.xStep`)};
  for (var i = ${first} + ${step}; i < params.length; i += ${step}) {
    largest = max(largest, ${load(x, 'xAt + i * params.xStep')});
  }
  ${perWorkgroup ? 'largest = joinMaxima(lane, largest);' : ''}
  var sum = 0.0f;
  for (var i = ${first}; i < params.length; i += ${step}) {
    sum += exp(${load(x, 'xAt + i * params.xStep')} - largest);
  }
  ${perWorkgroup ? 'sum = joinSums(lane, sum);' : ''}
  for (var i = ${first}; i < params.length; i += ${step}) {
    ${store(y, 'yAt + i * params.yStep', `exp(${load(x, 'xAt + i * params.xStep')} - largest) / sum`)}
  }
  for (var i = params.length + ${first}; i < params.writtenLength; i += ${step}) { ${zeros} }
}
`;
}

const REDUCTIONS =
  workgroupReduction('joinMaxima', 'f32', (a, b) => `max(${a}, ${b})`) +
  workgroupReduction('joinSums', 'f32', (a, b) => `${a} + ${b}`);
