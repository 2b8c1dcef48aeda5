/**
 * Copies between views of one shape: transposes, slices, concatenations, layout changes, broadcasts; and conversion of
 * the element type on the way. No arithmetic: the bound is reading and writing each element once.
 *
 * Variants:
 * - vec4: both views contiguous along one dimension, in whole vec4s (channel slices at multiples of 4, whole maps).
 * - tiled: input and output are contiguous along different dimensions (channels-last to row-major and back). A workgroup
 *   moves a tile through workgroup memory, so that both sides are touched along their contiguous dimension.
 * - strided: everything else, one invocation per element in the order of the output.
 */

import { FLAT_INDEX, flatDispatch, WORKGROUP_INDEX, workgroupDispatch } from './dispatch-size.ts';
import { computeType, load, store, zero } from './element-types.ts';
import type { Binding, ElementType, Kernel, TensorView } from './kernel.ts';
import {
  collapseDimensions,
  countOf,
  loopText,
  paddedAxis,
  paddedView,
  type StridedLoop,
  unsigned,
  type VectorLoop,
  vectorize,
} from './strided.ts';

export interface CopyOptions {
  readonly input: TensorView;
  /** Of the input's shape. Float to i32 truncates towards zero. */
  readonly output: TensorView;
  /** The output axis whose lanes up to the next multiple of 4 become 0. The output must own them. */
  readonly padTo4?: number;
}

/** Bindings: input, output. */
export function copy(options: CopyOptions): Kernel {
  const { input, output } = options;
  const padTo4 = paddedAxis(output, options.padTo4);
  const views = [paddedView(output, padTo4), paddedView(input, padTo4)];
  const loop = collapseDimensions(views, padTo4 === undefined ? [] : [padTo4]);
  const padding = padTo4 === undefined ? undefined : { dimension: loop.separate[0], size: output.shape[padTo4] };
  const vectors = vectorize(loop, views);
  if (vectors && !vectors.splats[1] && (!padding || padding.dimension === loop.sizes.length - 1)) {
    return vectorCopy(input, output, vectors, padding?.size);
  }
  const across = contiguousAcross(loop);
  if (across !== undefined) return tiledCopy(input, output, loop, across, padding);
  return stridedCopy(input, output, loop, padding);
}

export interface FillOptions {
  readonly output: TensorView;
  readonly value: number;
}

/** Sets every element of a view. Binding: output. */
export function fill(options: FillOptions): Kernel {
  const { output, value } = options;
  const loop = collapseDimensions([output]);
  const binding: Binding = { name: 'y', element: output.element, vector: 1, access: 'write' };
  const text = loopText(loop, [{ name: 'y', offset: output.offset }]);
  const dispatch = flatDispatch(countOf(loop.sizes), WORKGROUP_SIZE);
  return {
    label: `fill ${output.element} rank ${loop.sizes.length}`,
    bindings: [binding],
    parameters: [
      { name: 'value', type: computeType(output.element), value },
      ...text.parameters,
      ...dispatch.parameters,
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  ${text.coordinates}
  ${store(binding, text.offsets[0], 'params.value')}
}
`,
  };
}

const WORKGROUP_SIZE = 64;

/** The output's padded dimension of the loop, and how many elements of it are real. */
interface Padding {
  readonly dimension: number;
  readonly size: number;
}

function bindingsOf(input: TensorView, output: TensorView, vector: 1 | 4): [Binding, Binding] {
  return [
    { name: 'x', element: input.element, vector, access: 'read' },
    { name: 'y', element: output.element, vector, access: 'write' },
  ];
}

/** An entry of `x`, of the type that `y` is computed with. */
function converted(x: Binding, y: Binding, index: string): string {
  const value = load(x, index);
  const type = computeType(y.element);
  if (computeType(x.element) === type) return value;
  return y.vector === 4 ? `vec4<${type}>(${value})` : `${type}(${value})`;
}

function conversionLabel(input: ElementType, output: ElementType): string {
  return input === output ? input : `${input} to ${output}`;
}

function stridedCopy(input: TensorView, output: TensorView, loop: StridedLoop, padding?: Padding): Kernel {
  const bindings = bindingsOf(input, output, 1);
  const [x, y] = bindings;
  const text = loopText(loop, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: input.offset },
  ]);
  const [to, from] = text.offsets;
  const value = converted(x, y, from);
  const dispatch = flatDispatch(countOf(loop.sizes), WORKGROUP_SIZE);
  return {
    label: `copy strided ${conversionLabel(input.element, output.element)} rank ${loop.sizes.length}`,
    bindings,
    parameters: [...text.parameters, ...dispatch.parameters, ...paddingParameters(padding)],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  ${text.coordinates}
  ${padding ? `if (${text.names[padding.dimension]} >= params.realSize) { ${store(y, to, zero(y))} return; }` : ''}
  ${store(y, to, value)}
}
`,
  };
}

function vectorCopy(input: TensorView, output: TensorView, vectors: VectorLoop, realSize?: number): Kernel {
  const bindings = bindingsOf(input, output, 4);
  const [x, y] = bindings;
  const { loop, offsets } = vectors;
  const text = loopText(loop, [
    { name: 'y', offset: offsets[0] },
    { name: 'x', offset: offsets[1] },
  ]);
  const [to, from] = text.offsets;
  const value = converted(x, y, from);
  const lane = `4 * ${text.names[text.names.length - 1]} + vec4<u32>(0, 1, 2, 3)`;
  const masked = `select(${zero(y)}, ${value}, ${lane} < vec4<u32>(params.realSize))`;
  const dispatch = flatDispatch(countOf(loop.sizes), WORKGROUP_SIZE);
  return {
    label: `copy vec4 ${conversionLabel(input.element, output.element)} rank ${loop.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...dispatch.parameters,
      ...(realSize === undefined ? [] : [unsigned('realSize', realSize)]),
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  ${text.coordinates}
  ${store(y, to, realSize === undefined ? value : masked)}
}
`,
  };
}

const TILE = 32;
const TILE_ROWS = 8;

/** The dimension along which the input is contiguous, if it isn't the output's and both are worth a tile. */
function contiguousAcross(loop: StridedLoop): number | undefined {
  const last = loop.sizes.length - 1;
  const [output, input] = loop.strides;
  const across = input.findIndex((stride, dimension) => stride === 1 && dimension !== last);
  if (across < 0 || output[last] !== 1 || input[last] <= 1) return undefined;
  return Math.min(loop.sizes[across], loop.sizes[last]) >= TILE / 2 ? across : undefined;
}

/** Workgroup memory holds a tile: columns of it are the input's contiguous dimension, rows the output's. */
function tiledCopy(
  input: TensorView,
  output: TensorView,
  loop: StridedLoop,
  across: number,
  padding?: Padding,
): Kernel {
  const bindings = bindingsOf(input, output, 1);
  const [x, y] = bindings;
  const last = loop.sizes.length - 1;
  // The workgroups walk tiles; within the tile, coordinates are added to the first element's.
  const tiles = (dimension: number) => Math.ceil(loop.sizes[dimension] / TILE);
  const tileLoop: StridedLoop = {
    sizes: loop.sizes.map((size, d) => (d === across || d === last ? tiles(d) : size)),
    strides: loop.strides.map((strides) =>
      strides.map((stride, d) => (d === across || d === last ? stride * TILE : stride)),
    ),
    separate: loop.separate,
  };
  const text = loopText(tileLoop, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: input.offset },
  ]);
  const [to, from] = text.offsets;
  const realSize = (dimension: number) => (padding?.dimension === dimension ? padding.size : loop.sizes[dimension]);
  const dispatch = workgroupDispatch(countOf(tileLoop.sizes));
  const type = computeType(y.element);
  return {
    label: `copy tiled ${conversionLabel(input.element, output.element)} rank ${loop.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...dispatch.parameters,
      unsigned('acrossSize', loop.sizes[across]),
      unsigned('acrossRealSize', realSize(across)),
      unsigned('lastSize', loop.sizes[last]),
      unsigned('lastRealSize', realSize(last)),
      unsigned('yAcrossStride', loop.strides[0][across]),
      unsigned('xLastStride', loop.strides[1][last]),
    ],
    workgroupSize: [TILE, TILE_ROWS, 1],
    workgroups: dispatch.workgroups,
    body: `// One column more than the tile has, so that a column's elements lie in different banks.
var<workgroup> tile: array<array<${type}, ${TILE + 1}>, ${TILE}>;

@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${WORKGROUP_INDEX}
  ${text.coordinates}
  let xAt = ${from};
  let yAt = ${to};
  let across = ${text.names[across]} * ${TILE}u;
  let last = ${text.names[last]} * ${TILE}u;
  for (var row = local.y; row < ${TILE}u; row += ${TILE_ROWS}u) {
    var value = ${zero(y)};
    if (across + local.x < params.acrossRealSize && last + row < params.lastRealSize) {
      value = ${converted(x, y, 'xAt + local.x + row * params.xLastStride')};
    }
    tile[row][local.x] = value;
  }
  workgroupBarrier();
  for (var column = local.y; column < ${TILE}u; column += ${TILE_ROWS}u) {
    if (across + column < params.acrossSize && last + local.x < params.lastSize) {
      ${store(y, 'yAt + local.x + column * params.yAcrossStride', 'tile[local.x][column]')}
    }
  }
}
`,
  };
}

function paddingParameters(padding: Padding | undefined) {
  return padding ? [unsigned('realSize', padding.size)] : [];
}
