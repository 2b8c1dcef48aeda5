/**
 * Writes updates to indexed places of a tensor that holds its other elements already: `copy` the data first. One
 * invocation per element of the updates. Where two updates address one place, either may win, as ONNX leaves open.
 */

import { flatLoop } from './dispatch-size.ts';
import { computeType, load, store } from './element-types.ts';
import { resolveIndex } from './gather.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { collapseDimensions, countOf, loopText, unsigned } from './strided.ts';

export interface ScatterNdOptions {
  /** i32, [..., k]: each position of the leading dimensions addresses a slice of the output by its first k axes. */
  readonly indices: TensorView;
  /** [leading dimensions of the indices, dimensions of the output from k on]. */
  readonly updates: TensorView;
  readonly output: TensorView;
}

/** Bindings: indices, updates, output. */
export function scatterNd(options: ScatterNdOptions): Kernel {
  const { indices, updates, output } = options;
  if (computeType(updates.element) !== computeType(output.element)) {
    throw new Error(`scatterNd of ${updates.element} can't be stored as ${output.element}`);
  }
  if (indices.element !== 'i32') throw new Error(`scatterNd takes i32 indices, not ${indices.element}`);
  const depth = indices.shape[indices.shape.length - 1];
  const leading = indices.shape.length - 1;
  const { shape } = updates;
  // Output and indices as views of the updates' shape: the output at the slice [0, ...], the indices at the first of k.
  const zeros = new Array<number>(shape.length).fill(0);
  const walkedOutput = { ...output, shape, strides: [...zeros.slice(0, leading), ...output.strides.slice(depth)] };
  const walkedIndices = { ...indices, shape, strides: [...indices.strides.slice(0, leading), ...zeros.slice(leading)] };
  const loop = collapseDimensions([updates, walkedOutput, walkedIndices]);
  const text = loopText(loop, [
    { name: 'updates', offset: updates.offset },
    { name: 'y', offset: output.offset },
    { name: 'indices', offset: indices.offset },
  ]);
  const [from, to, indexAt] = text.offsets;
  const bindings: Binding[] = [
    { name: 'indices', element: 'i32', vector: 1, access: 'read' },
    { name: 'updates', element: updates.element, vector: 1, access: 'read' },
    { name: 'y', element: output.element, vector: 1, access: 'write' },
  ];
  const axes = Array.from({ length: depth }, (_, axis) => axis);
  const positions = axes.map((axis) =>
    resolveIndex(`position${axis}`, `indices[indexAt + ${axis}u * params.indexStep]`, `params.axisSize${axis}`),
  );
  const slice = axes.map((axis) => ` + position${axis} * params.axisStride${axis}`);
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    let indexAt = ${indexAt};
    ${positions.join('\n    ')}
    ${store(bindings[2], `${to}${slice.join('')}`, load(bindings[1], from))}`,
  );
  return {
    label: `scatterNd ${output.element} rank ${loop.sizes.length} depth ${depth}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...kernel.parameters,
      unsigned('indexStep', indices.strides[leading]),
      ...axes.flatMap((axis) => [
        unsigned(`axisSize${axis}`, output.shape[axis]),
        unsigned(`axisStride${axis}`, output.strides[axis]),
      ]),
    ],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
}
