/**
 * Padding with a constant before and after each dimension of strided views; negative counts remove elements. One
 * invocation per element of the output, no arithmetic: the output is written once and what remains of the input read once.
 */
import type { Pad } from '../engine/graph/ops/pad.ts';
import { flatLoop } from './dispatch-size.ts';
import { computeType, load, store, zero } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { paddedLoop, paddingParameters, whereInPadding } from './padding.ts';
import { countOf, loopText, unsigned } from './strided.ts';

export interface PadOptions {
  readonly input: TensorView;
  readonly output: TensorView;
  readonly op: Pad;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Bindings: input, output. */
export function pad(options: PadOptions): Kernel {
  const { input, output, op } = options;
  const type = computeType(output.element);
  if (computeType(input.element) !== type)
    throw new Error(`pad of ${input.element} can't be stored as ${output.element}`);
  const moved = output.shape.map((_, axis) => axis).filter((axis) => op.before[axis] !== 0 || op.after[axis] !== 0);
  // The input as a view of the output's shape; only coordinates that lie inside of it are read.
  const walked = {
    ...input,
    shape: output.shape,
    offset: op.before.reduce((offset, count, axis) => offset - count * input.strides[axis], input.offset),
  };
  const { loop, padding } = paddedLoop([output, walked], options.padTo4, moved);
  const bindings: Binding[] = [
    { name: 'x', element: input.element, vector: 1, access: 'read' },
    { name: 'y', element: output.element, vector: 1, access: 'write' },
  ];
  const [x, y] = bindings;
  const text = loopText(loop, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: walked.offset },
  ]);
  const [to, from] = text.offsets;
  // Unsigned: a coordinate before the input wraps around to a large number.
  const inside = moved.map((_, i) => `${text.names[loop.separate[i]]} - params.before${i} < params.inputSize${i}`);
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${whereInPadding(padding, text, `${store(y, to, zero(y))} continue;`)}
    var value = params.value;
    if (${inside.join(' && ') || 'true'}) { value = ${load(x, from)}; }
    ${store(y, to, 'value')}`,
  );
  return {
    label: `pad ${input.element} rank ${loop.sizes.length} axes ${moved.length}`,
    bindings,
    parameters: [
      { name: 'value', type, value: op.value },
      ...moved.flatMap((axis, i) => [
        unsigned(`before${i}`, op.before[axis]),
        unsigned(`inputSize${i}`, input.shape[axis]),
      ]),
      ...text.parameters,
      ...paddingParameters(padding),
      ...kernel.parameters,
    ],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
}
