/**
 * Elements picked by indices, one invocation per element of the output. No arithmetic: the bound is reading the picked
 * elements and the indices, and writing the output.
 */

import { flatLoop } from './dispatch-size.ts';
import { computeType, load, store, zero } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { paddedLoop, paddingParameters, whereInPadding } from './padding.ts';
import { countOf, loopText, unsigned } from './strided.ts';

export interface GatherOptions {
  readonly data: TensorView;
  /** i32. Negative ones count from the end; beyond the axis they are clamped to it. */
  readonly indices: TensorView;
  readonly output: TensorView;
  readonly axis: number;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Slices along an axis; the indices' dimensions take the axis's place. Bindings: data, indices, output. */
export function gather(options: GatherOptions): Kernel {
  const { data, indices, axis } = options;
  const zeros = (shape: readonly number[]) => shape.map(() => 0);
  // Both inputs as views of the output's shape: each stands still where only the other moves.
  const around = <T>(list: readonly T[], middle: readonly T[]) => [
    ...list.slice(0, axis),
    ...middle,
    ...list.slice(axis + 1),
  ];
  const shape = around(data.shape, indices.shape);
  return gatherKernel('gather', options, {
    data: { ...data, shape, strides: around(data.strides, zeros(indices.shape)) },
    indices: { ...indices, shape, strides: around(zeros(data.shape), indices.strides) },
  });
}

/** One element along an axis for each index; data and indices have equal rank. Bindings: data, indices, output. */
export function gatherElements(options: GatherOptions): Kernel {
  const { data, indices, axis } = options;
  const strides = data.strides.map((stride, a) => (a === axis ? 0 : stride));
  return gatherKernel('gatherElements', options, { data: { ...data, shape: indices.shape, strides }, indices });
}

/** `walked`: data and indices as views of the output's shape, the data at position 0 of the axis. */
function gatherKernel(
  name: string,
  options: GatherOptions,
  walked: { readonly data: TensorView; readonly indices: TensorView },
): Kernel {
  const { data, indices, output, axis } = options;
  if (computeType(data.element) !== computeType(output.element)) {
    throw new Error(`${name} of ${data.element} can't be stored as ${output.element}`);
  }
  if (indices.element !== 'i32') throw new Error(`${name} takes i32 indices, not ${indices.element}`);
  const views = [output, walked.data, walked.indices];
  const { loop, padding } = paddedLoop(views, options.padTo4);
  const bindings: Binding[] = [
    { name: 'x', element: data.element, vector: 1, access: 'read' },
    { name: 'indices', element: 'i32', vector: 1, access: 'read' },
    { name: 'y', element: output.element, vector: 1, access: 'write' },
  ];
  const [x, , y] = bindings;
  const text = loopText(
    loop,
    ['y', 'x', 'indices'].map((view, v) => ({ name: view, offset: views[v].offset })),
  );
  const [to, from, indexAt] = text.offsets;
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${whereInPadding(padding, text, `${store(y, to, zero(y))} continue;`)}
    ${resolveIndex('position', `indices[${indexAt}]`, 'params.axisSize')}
    ${store(y, to, load(x, `${from} + position * params.axisStride`))}`,
  );
  return {
    label: `${name} ${data.element} rank ${loop.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...paddingParameters(padding),
      ...kernel.parameters,
      unsigned('axisSize', data.shape[axis]),
      unsigned('axisStride', data.strides[axis]),
    ],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
}

/** WGSL that declares `name`, a position within an axis of `size` elements, from an index that may be negative. */
export function resolveIndex(name: string, index: string, size: string): string {
  return `let ${name}Index = ${index};
  let ${name} = u32(clamp(select(${name}Index, ${name}Index + i32(${size}), ${name}Index < 0), 0, i32(${size}) - 1));`;
}
