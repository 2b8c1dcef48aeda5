/**
 * Copies between views of one shape: transposes, slices, concatenations, layout changes, broadcasts; and conversion of
 * the element type on the way. No arithmetic: the bound is reading and writing each element once.
 *
 * Variants:
 * - vec4: both views contiguous along one dimension, in whole vec4s (channel slices at multiples of 4, whole maps).
 * - transposed: input and output are contiguous along different dimensions (channels-last to row-major and back). Each
 *   invocation turns a block of 4 x 4 elements around in registers, read and written in vec4s where both views are
 *   aligned, element by element where not.
 * - strided: everything else, element by element in the order of the output.
 *
 * Measured on llvmpipe, [1, 84, 8400] between the two layouts, in times of the strided copy: transposed by vec4s 0.2 to
 * 0.3, transposed by elements 0.3 to 0.5. A tile of 32 x 32 in workgroup memory lost with 1.8 to 2.8.
 */
import { flatLoop, WORKGROUP_INDEX, workgroupDispatch } from './dispatch-size.ts';
import { computeType, load, store, zero } from './element-types.ts';
import type { Binding, ElementType, Kernel, TensorView } from './kernel.ts';
import { type Padding, paddedLoop, paddingParameters, whereInPadding, withoutPadding } from './padding.ts';
import {
  collapseDimensions,
  countOf,
  loopText,
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
  const views = [output, input];
  const { loop, padding } = paddedLoop(views, options.padTo4);
  const vectors = vectorize(loop, views);
  if (vectors && !vectors.splats[1] && (!padding || padding.dimension === loop.sizes.length - 1)) {
    return vectorCopy(input, output, vectors, padding);
  }
  const across = contiguousAcross(loop);
  if (across !== undefined) return transposedCopy(input, output, loop, across, padding);
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
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${store(binding, text.offsets[0], 'params.value')}`,
  );
  return {
    label: `fill ${output.element} rank ${loop.sizes.length}`,
    bindings: [binding],
    parameters: [{ name: 'value', type: computeType(output.element), value }, ...text.parameters, ...kernel.parameters],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
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
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${whereInPadding(padding, text, `${store(y, to, zero(y))} continue;`)}
    ${store(y, to, converted(x, y, from))}`,
  );
  return {
    label: `copy strided ${conversionLabel(input.element, output.element)} rank ${loop.sizes.length}`,
    bindings,
    parameters: [...text.parameters, ...kernel.parameters, ...paddingParameters(padding)],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
}

function vectorCopy(input: TensorView, output: TensorView, vectors: VectorLoop, padding?: Padding): Kernel {
  const bindings = bindingsOf(input, output, 4);
  const [x, y] = bindings;
  const { loop, offsets } = vectors;
  const text = loopText(loop, [
    { name: 'y', offset: offsets[0] },
    { name: 'x', offset: offsets[1] },
  ]);
  const [to, from] = text.offsets;
  const value = withoutPadding(padding, text, converted(x, y, from), zero(y));
  const kernel = flatLoop(
    countOf(loop.sizes),
    `${text.coordinates}
    ${store(y, to, value)}`,
  );
  return {
    label: `copy vec4 ${conversionLabel(input.element, output.element)} rank ${loop.sizes.length}`,
    bindings,
    parameters: [...text.parameters, ...kernel.parameters, ...paddingParameters(padding)],
    workgroupSize: kernel.workgroupSize,
    workgroups: kernel.workgroups,
    body: kernel.main,
  };
}

/** Elements along each side of an invocation's block, and blocks along each side of a workgroup. */
const BLOCK = 4;
const WORKGROUP_BLOCKS = 8;
const TILE = BLOCK * WORKGROUP_BLOCKS;

/** The dimension along which the input is contiguous, if it isn't the output's and neither is shorter than a block. */
function contiguousAcross(loop: StridedLoop): number | undefined {
  const last = loop.sizes.length - 1;
  const [output, input] = loop.strides;
  const across = input.findIndex((stride, dimension) => stride === 1 && dimension !== last);
  if (across < 0 || output[last] !== 1 || input[last] <= 1) return undefined;
  return Math.min(loop.sizes[across], loop.sizes[last]) >= BLOCK ? across : undefined;
}

/**
 * `across` is the input's contiguous dimension, the last is the output's. Neighbouring invocations of a workgroup take
 * neighbouring blocks along both, so that each side is touched in runs of 32 elements.
 */
function transposedCopy(
  input: TensorView,
  output: TensorView,
  loop: StridedLoop,
  across: number,
  padding?: Padding,
): Kernel {
  const last = loop.sizes.length - 1;
  const aligned = ({ offset }: TensorView, strides: readonly number[], contiguous: number) =>
    offset % 4 === 0 && strides.every((stride, dimension) => dimension === contiguous || stride % 4 === 0);
  const vector =
    loop.sizes[last] % 4 === 0 && aligned(output, loop.strides[0], last) && aligned(input, loop.strides[1], across)
      ? 4
      : 1;
  const bindings = bindingsOf(input, output, vector);
  const [x, y] = bindings;
  // Workgroups walk tiles. Offsets count elements; blocks begin at multiples of 4.
  const isSide = (dimension: number) => dimension === across || dimension === last;
  const tiles: StridedLoop = {
    sizes: loop.sizes.map((size, d) => (isSide(d) ? Math.ceil(size / TILE) : size)),
    strides: loop.strides.map((strides) => strides.map((stride, d) => (isSide(d) ? stride * TILE : stride))),
    separate: [],
  };
  const text = loopText(tiles, [
    { name: 'y', offset: output.offset },
    { name: 'x', offset: input.offset },
  ]);
  const dispatch = workgroupDispatch(countOf(tiles.sizes));
  const type = computeType(y.element);
  const reads = RANGE.map((i) => {
    const at = `xAt + ${i}u * params.xLastStride`;
    const elements = RANGE.map((a) => converted(x, y, `${at} + ${a}u`));
    return `var column${i} = ${vector === 4 ? converted(x, y, `(${at}) / 4u`) : `vec4<${type}>(${elements.join(', ')})`};`;
  });
  const masks = RANGE.map((i) => {
    if (padding?.dimension === last) return `if (last + ${i}u >= params.realSize) { column${i} = vec4<${type}>(0); }`;
    if (padding?.dimension !== across) return '';
    return `column${i} = select(vec4<${type}>(0), column${i}, across + vec4<u32>(0, 1, 2, 3) < vec4<u32>(params.realSize));`;
  });
  const writes = RANGE.map((a) => {
    const at = `yAt + ${a}u * params.yAcrossStride`;
    const row = RANGE.map((i) => `column${i}.${COMPONENTS[a]}`);
    const statements =
      vector === 4
        ? store(y, `(${at}) / 4u`, `vec4<${type}>(${row.join(', ')})`)
        : RANGE.map((i) => `if (last + ${i}u < params.lastSize) { ${store(y, `${at} + ${i}u`, row[i])} }`).join(' ');
    return `if (across + ${a}u < params.acrossSize) { ${statements} }`;
  });
  const form = `${vector === 4 ? 'vec4 ' : ''}${conversionLabel(input.element, output.element)}`;
  return {
    label: `copy transposed ${form} rank ${loop.sizes.length}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...dispatch.parameters,
      unsigned('acrossSize', loop.sizes[across]),
      unsigned('lastSize', loop.sizes[last]),
      unsigned('yAcrossStride', loop.strides[0][across]),
      unsigned('xLastStride', loop.strides[1][last]),
      ...paddingParameters(padding),
    ],
    workgroupSize: [WORKGROUP_BLOCKS, WORKGROUP_BLOCKS, 1],
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${WORKGROUP_INDEX}
  ${text.coordinates}
  let across = ${text.names[across]} * ${TILE}u + local.y * ${BLOCK}u;
  let last = ${text.names[last]} * ${TILE}u + local.x * ${BLOCK}u;
  if (across >= params.acrossSize || last >= params.lastSize) { return; }
  let xAt = ${from(text.offsets[1], 'local.y', 'local.x * params.xLastStride')};
  let yAt = ${from(text.offsets[0], 'local.x', 'local.y * params.yAcrossStride')};
  ${[...reads, ...masks, ...writes].filter(Boolean).join('\n  ')}
}
`,
  };
}

const RANGE = [0, 1, 2, 3] as const;
const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

/** Where an invocation's block begins in a view, from where its workgroup's tile does. */
function from(tile: string, contiguous: string, strided: string): string {
  return `${tile} + ${BLOCK}u * (${contiguous} + ${strided})`;
}
