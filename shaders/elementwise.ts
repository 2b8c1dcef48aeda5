/**
 * Elementwise kernels: any expression of up to seven inputs, broadcast by strides of 0.
 *
 * Variants:
 * - vec4: along the output's contiguous dimension every input is contiguous too (whole maps, aligned channel slices,
 *   per-channel constants) or repeats (scalars, one value per pixel).
 * - strided: everything else, one invocation per element.
 *
 * Bound by memory: each input and the output once. FLOPs: the expression's, per element.
 *
 * Measured on llvmpipe, a product of [1, 64, 80, 80], in times of two whole maps: a map by a value per channel 0.8, by a
 * value per pixel 1.05, strided 3.3.
 */
import { flatLoop } from './dispatch-size.ts';
import { computeType, load, store, vectorType, zero } from './element-types.ts';
import { type Expression, expressionText } from './expression.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { paddedLoop, paddingParameters, whereInPadding, withoutPadding } from './padding.ts';
import { countOf, loopText, vectorize } from './strided.ts';

export interface ElementwiseOptions {
  /** All of the output's shape; stride 0 where one repeats. At most 7. */
  readonly inputs: readonly TensorView[];
  /** Float expressions go to f32 or f16, integers and booleans (0 and 1) to i32. */
  readonly output: TensorView;
  readonly expression: Expression;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Bindings: the inputs in order, output. */
export function elementwise(options: ElementwiseOptions): Kernel {
  const { inputs, output } = options;
  if (inputs.length > 7) throw new Error(`An elementwise kernel takes at most 7 inputs, not ${inputs.length}`);
  const views = [output, ...inputs];
  const { loop: scalarLoop, padding } = paddedLoop(views, options.padTo4);
  const last = scalarLoop.sizes.length - 1;
  const vectors = padding === undefined || padding.dimension === last ? vectorize(scalarLoop, views) : undefined;
  const width = vectors ? 4 : 1;
  const loop = vectors?.loop ?? scalarLoop;

  const bindings: Binding[] = inputs.map((input, i) => binding(`x${i}`, input, width, 'read'));
  const y = binding('y', output, width, 'write');
  const names = [y, ...bindings].map(({ name }, v) => ({ name, offset: vectors?.offsets[v] ?? views[v].offset }));
  const text = loopText(loop, names);
  const [to, ...from] = text.offsets;
  const expression = expressionText(
    options.expression,
    bindings.map((x, i) => ({
      kind: computeType(x.element) === 'f32' ? 'float' : 'int',
      text: vectors?.splats[i + 1] ? splat(x, from[i]) : load(x, from[i]),
    })),
    width,
  );
  if ((expression.kind === 'float') !== (computeType(output.element) === 'f32')) {
    throw new Error(`An expression of kind ${expression.kind} can't be stored as ${output.element}`);
  }
  const skip = vectors ? '' : whereInPadding(padding, text, `${store(y, to, zero(y))} continue;`);
  const result = vectors ? withoutPadding(padding, text, expression.result, zero(y)) : expression.result;
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${skip}
    ${expression.statements}
    ${store(y, to, result)}`,
  );
  return {
    label: `elementwise ${expression.summary} ${vectors ? 'vec4' : 'strided'} rank ${loop.sizes.length}`,
    bindings: [...bindings, y],
    parameters: [...text.parameters, ...expression.parameters, ...paddingParameters(padding), ...kernel.parameters],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: `${expression.functions}${kernel.main}`,
  };
}

function binding(name: string, view: TensorView, vector: 1 | 4, access: 'read' | 'write'): Binding {
  return { name, element: view.element, vector, access };
}

/** One element of an array of vec4s, four times: every binding is vec4, so that any two may share a buffer. */
function splat(x: Binding, offset: string): string {
  const type = computeType(x.element);
  return `${vectorType(type, 4)}(${type}(${x.name}[(${offset}) / 4u][(${offset}) % 4u]))`;
}
