/**
 * Boxes from distances to the sides of anchor points, an anchor for each invocation: the softmax of each side's bins, its
 * mean, and the box's arithmetic, without anything in between that touches memory.
 *
 * Variants:
 * - vec4: a side's bins are contiguous whole vec4s, as in channels-last maps; they are read once and stay in registers.
 * - strided: everything else; bins are read twice.
 * The box is written as one vec4 where it is contiguous.
 *
 * Bound by memory: 4 * bins + 3 elements in and 4 out for each anchor. FLOPs: 6 for each bin.
 */
import type { DistanceBoxes } from '../engine/graph/ops/distance-boxes.ts';
import { FLAT_INDEX, flatDispatch } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { range } from './range.ts';
import { unsigned } from './strided.ts';

export interface DistanceBoxesOptions {
  /** [N, 4 * bins, A]. */
  readonly input: TensorView;
  /** [2, A], row-major. */
  readonly points: TensorView;
  /** [A], contiguous. */
  readonly strides: TensorView;
  /** [N, 4, A]. */
  readonly output: TensorView;
  readonly bins: DistanceBoxes['bins'];
  readonly form: DistanceBoxes['form'];
  /** Whether input and output lie in one allocation: then both are read and written in vec4s, or neither. */
  readonly sharedAllocation?: boolean;
}

const WORKGROUP_SIZE = 64;

/** As many vec4s of one side stay in registers. */
const MOST_VECTORS = 8;

/** Bindings: input, points, strides, output. */
export function distanceBoxes(options: DistanceBoxesOptions): Kernel {
  const { input, points, strides, output, bins, form } = options;
  const [batch, , anchors] = output.shape;
  const vectors = bins.length / 4;
  let [read, write] = [
    isVector(input) && Number.isInteger(vectors) && vectors > 0 && vectors <= MOST_VECTORS,
    isVector(output),
  ];
  if (options.sharedAllocation && read !== write) [read, write] = [false, false];
  const binding = (name: string, view: TensorView, vector: boolean, access: 'read' | 'write'): Binding => {
    return { name, element: view.element, vector: vector ? 4 : 1, access };
  };
  const x = binding('x', input, read, 'read');
  const y = binding('y', output, write, 'write');
  const [pointsBinding, stridesBinding] = [
    binding('points', points, false, 'read'),
    binding('strides', strides, false, 'read'),
  ];
  const dispatch = flatDispatch(batch * anchors, WORKGROUP_SIZE);
  return {
    label: `distanceBoxes ${bins.length} bins ${read ? 'vec4' : 'strided'} ${input.element} ${form}`,
    bindings: [x, pointsBinding, stridesBinding, y],
    parameters: [
      ...viewParameters('x', input, read ? 4 : 1),
      ...viewParameters('y', output, write ? 4 : 1),
      unsigned('anchors', anchors),
      unsigned('pointsOffset', points.offset),
      unsigned('stridesOffset', strides.offset),
      ...(read ? [] : [unsigned('bins', bins.length)]),
      ...dispatch.parameters,
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `${read ? vectorDistance(x, bins) : stridedDistance(x, bins)}
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  let image = index / params.anchors;
  let anchor = index - image * params.anchors;
  let anchorAt = params.xOffset + image * params.xImageStride + anchor * params.xAnchorStride;
  var sides = vec4<f32>(0);
  for (var side = 0u; side < 4u; side++) { sides[side] = distanceTo(anchorAt, side); }
  let pointX = ${load(pointsBinding, 'params.pointsOffset + anchor')};
  let pointY = ${load(pointsBinding, 'params.pointsOffset + params.anchors + anchor')};
  let corners = vec4<f32>(pointX, pointY, pointX, pointY) + vec4<f32>(-sides.xy, sides.zw);
  let box = ${load(stridesBinding, 'params.stridesOffset + anchor')} * ${boxText(form)};
  let to = params.yOffset + image * params.yImageStride + anchor * params.yAnchorStride;
  ${
    write
      ? store(y, 'to', 'box')
      : range(4)
          .map((side) => store(y, `to + ${side}u * params.yAttributeStride`, `box[${side}]`))
          .join('\n  ')
  }
}
`,
  };
}

function boxText(form: DistanceBoxes['form']): string {
  return form === 'corners' ? 'corners' : 'vec4<f32>(0.5f * (corners.xy + corners.zw), corners.zw - corners.xy)';
}

function isVector({ strides, offset, shape }: TensorView): boolean {
  const others = [0, 2].filter((axis) => shape[axis] > 1).map((axis) => strides[axis]);
  return strides[1] === 1 && [offset, ...others].every((stride) => stride % 4 === 0);
}

/** In entries of `scale` elements. */
function viewParameters(name: string, { strides, offset }: TensorView, scale: number) {
  return [
    unsigned(`${name}Offset`, offset / scale),
    unsigned(`${name}ImageStride`, Math.floor(strides[0] / scale)),
    unsigned(`${name}AttributeStride`, scale === 4 ? 1 : strides[1]),
    unsigned(`${name}AnchorStride`, Math.floor(strides[2] / scale)),
  ];
}

/** WGSL of `distanceTo(anchorAt, side)`, whose bins are whole vec4s. */
function vectorDistance(x: Binding, bins: readonly number[]): string {
  const all = range(bins.length / 4);
  const loads = all.map((v) => `let bins${v} = ${load(x, `first + ${v}u`)};`);
  const largest = all.slice(1).reduce((text, v) => `max(${text}, bins${v})`, 'bins0');
  const weights = all.map((v) => `let weights${v} = exp(bins${v} - largest);`);
  const moments = all.map((v) => `dot(weights${v}, ${vectorOf(bins.slice(4 * v, 4 * v + 4))})`);
  return `fn distanceTo(anchorAt: u32, side: u32) -> f32 {
  let first = anchorAt + side * ${all.length}u;
  ${loads.join('\n  ')}
  let pairs = ${largest};
  let largest = max(max(pairs.x, pairs.y), max(pairs.z, pairs.w));
  ${weights.join('\n  ')}
  let total = dot(${all.map((v) => `weights${v}`).join(' + ')}, vec4<f32>(1));
  return (${moments.join(' + ')}) / total;
}`;
}

function vectorOf(numbers: readonly number[]): string {
  return `vec4<f32>(${numbers.map(floatText).join(', ')})`;
}

function floatText(value: number): string {
  return `${Math.fround(value)}f`;
}

function stridedDistance(x: Binding, bins: readonly number[]): string {
  if (bins.length === 0) {
    return `fn distanceTo(anchorAt: u32, side: u32) -> f32 { return ${load(x, 'anchorAt + side * params.xAttributeStride')}; }`;
  }
  const at = (bin: string) => load(x, `anchorAt + (side * params.bins + ${bin}) * params.xAttributeStride`);
  return `const BINS = array<f32, ${bins.length}>(${bins.map(floatText).join(', ')});
fn distanceTo(anchorAt: u32, side: u32) -> f32 {
  var bins = BINS;
  var largest = ${at('0u')};
  for (var bin = 1u; bin < params.bins; bin++) { largest = max(largest, ${at('bin')}); }
  var total = 0.0f;
  var moment = 0.0f;
  for (var bin = 0u; bin < params.bins; bin++) {
    let weight = exp(${at('bin')} - largest);
    total += weight;
    moment += bins[bin] * weight;
  }
  return moment / total;
}`;
}
