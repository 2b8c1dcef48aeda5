import { frameSetting } from './frame-settings.ts';
import type { Binding, ElementType, Kernel, Parameter } from './kernel.ts';

/** A table images x anchors x attributes inside an output tensor of the network; offset and strides count elements. */
export interface AnchorTable {
  readonly element: ElementType;
  readonly offset: number;
  readonly imageStride: number;
  readonly anchorStride: number;
  readonly attributeStride: number;
}

/** How an output of one row per anchor becomes scored boxes. */
export interface DecodeSpec {
  /** How many are in a batch. */
  readonly images: number;
  readonly anchorCount: number;
  readonly classCount: number;
  /** Four attributes: centre and size, or two corners. */
  readonly boxes: AnchorTable;
  readonly boxForm: 'centerSize' | 'corners';
  /**
   * Where the boxes aren't in pixels of the input yet: YOLOX's grid, level after level in the order of the strides, rows
   * first. Centre = (value + cell) * stride, size = exp(value) * stride.
   */
  readonly grid?: { readonly inputWidth: number; readonly inputHeight: number; readonly strides: readonly number[] };
  /** Probabilities of the classes. */
  readonly scores: AnchorTable;
  /** One attribute that multiplies every class score. */
  readonly objectness?: AnchorTable;
  /** Every class above the threshold is a candidate, instead of the best class of an anchor. */
  readonly multiLabel: boolean;
}

/** How many candidates a decode can yield for an image: the length of its scores, and of the lists that NMS makes. */
export function candidateCount(spec: Pick<DecodeSpec, 'anchorCount' | 'classCount' | 'multiLabel'>): number {
  return spec.multiLabel ? spec.anchorCount * spec.classCount : spec.anchorCount;
}

const WORKGROUP = 64;

/**
 * Boxes and scores of every anchor of every image, one invocation each; all that is written is image after image.
 * Bindings: settings, boxes, scores, (objectness), then written:
 * candidateBoxes (vec4<f32> per anchor: x1 y1 x2 y2 in pixels of the input; undefined where no class passed),
 * candidateScores (the bits of a float32 above the threshold, or 0 for none) and, unless multiLabel, candidateClasses.
 * Candidate number: the anchor, or anchor * classCount + class with multiLabel.
 *
 * A score that isn't finite, and a box that isn't finite or has no area, is no candidate.
 */
export function decodeKernel(spec: DecodeSpec): Kernel {
  const { boxes, scores, objectness } = spec;
  const read = (name: string, table: AnchorTable): Binding => ({
    name,
    element: table.element,
    vector: 1,
    access: 'read',
  });
  const bindings: Binding[] = [
    { name: 'settings', element: 'f32', vector: 1, access: 'read' },
    read('boxes', boxes),
    read('scores', scores),
  ];
  if (objectness) bindings.push(read('objectness', objectness));
  bindings.push({ name: 'candidateBoxes', element: 'f32', vector: 4, access: 'write' });
  bindings.push({ name: 'candidateScores', element: 'u32', vector: 1, access: 'write' });
  if (!spec.multiLabel) bindings.push({ name: 'candidateClasses', element: 'u32', vector: 1, access: 'write' });
  return {
    label: `decode ${spec.anchorCount} anchors, ${spec.multiLabel ? 'every class' : 'best class'} of ${spec.classCount}`,
    bindings,
    parameters: decodeParameters(spec),
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: [Math.ceil(spec.anchorCount / WORKGROUP), spec.images, 1],
    body: decodeBody(spec),
  };
}

function decodeParameters({ anchorCount, classCount, boxes, scores, objectness }: DecodeSpec): Parameter[] {
  const table = (prefix: string, { offset, imageStride, anchorStride, attributeStride }: AnchorTable) => ({
    [`${prefix}Offset`]: offset,
    [`${prefix}ImageStride`]: imageStride,
    [`${prefix}AnchorStride`]: anchorStride,
    [`${prefix}AttributeStride`]: attributeStride,
  });
  const values = {
    anchorCount,
    classCount,
    ...table('box', boxes),
    ...table('score', scores),
    ...(objectness ? table('objectness', objectness) : {}),
  };
  return Object.entries(values).map(([name, value]) => ({ name, type: 'u32', value }));
}

/**
 * Comparisons don't tell NaN and infinity: WGSL lets an implementation assume that there are none. Bits are bits. Boxes
 * are limited to 2^20 pixels around the image, so areas fit a float32.
 */
export const FINITE_BOXES = `
const FARTHEST = 1048576.0f;
fn isFinite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}
fn allFinite(values: vec4<f32>) -> bool {
  return isFinite(values.x) && isFinite(values.y) && isFinite(values.z) && isFinite(values.w);
}
fn limited(values: vec4<f32>) -> vec4<f32> {
  return clamp(values, vec4<f32>(-FARTHEST), vec4<f32>(FARTHEST));
}
fn hasArea(corners: vec4<f32>) -> bool {
  return corners.z > corners.x && corners.w > corners.y;
}`;

function decodeBody(spec: DecodeSpec): string {
  const objectness = `f32(objectness[${start('objectness')}])`;
  return `${FINITE_BOXES}
fn boxAttributes(image: u32, anchor: u32) -> vec4<f32> {
  let first = ${start('box')};
  let next = params.boxAttributeStride;
  return vec4<f32>(
    f32(boxes[first]), f32(boxes[first + next]), f32(boxes[first + 2u * next]), f32(boxes[first + 3u * next]));
}
// The probability of a class; 0 where it isn't a number.
fn probability(image: u32, anchor: u32, label: u32) -> f32 {
  let value = f32(scores[${start('score')} + label * params.scoreAttributeStride]);
  return select(0.0f, value, isFinite(value));
}
// No class of an anchor scores higher than this.
fn confidence(image: u32, anchor: u32) -> f32 {
  let value = ${spec.objectness ? objectness : '1.0f'};
  return select(0.0f, value, isFinite(value));
}
${spec.grid ? gridCell(spec.grid) : ''}
${toCorners(spec)}
${spec.multiLabel ? EVERY_LABEL : BEST_LABEL}`;
}

/** Where an anchor's attributes begin in a table. */
function start(table: string): string {
  return `params.${table}Offset + image * params.${table}ImageStride + anchor * params.${table}AnchorStride`;
}

function toCorners({ boxForm, grid }: DecodeSpec): string {
  const corners = 'return vec4<f32>(box.xy - 0.5f * box.zw, box.xy + 0.5f * box.zw);';
  const pixels = grid
    ? `let cell = gridCell(anchor);
  let box = vec4<f32>((values.xy + cell.xy) * cell.z, exp(min(values.zw, vec2<f32>(20.0f))) * cell.z);`
    : 'let box = values;';
  return `fn toCorners(anchor: u32, values: vec4<f32>) -> vec4<f32> {
  ${pixels}
  ${boxForm === 'corners' ? 'return box;' : corners}
}`;
}

/** Column, row and stride of an anchor's cell. */
function gridCell({ inputWidth, inputHeight, strides }: NonNullable<DecodeSpec['grid']>): string {
  const levels = strides.map((stride) => {
    const columns = Math.floor(inputWidth / stride);
    const cells = columns * Math.floor(inputHeight / stride);
    return `  if (index < ${cells}u) {
    return vec3<f32>(f32(index % ${columns}u), f32(index / ${columns}u), ${stride}.0f);
  }
  index -= ${cells}u;`;
  });
  return `fn gridCell(anchor: u32) -> vec3<f32> {
  var index = anchor;
${levels.join('\n')}
  return vec3<f32>(0.0f);
}`;
}

const BEST_LABEL = `
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let anchor = id.x;
  let image = id.y;
  if (anchor >= params.anchorCount) { return; }
  let candidate = image * params.anchorCount + anchor;
  let threshold = ${frameSetting('scoreThreshold', 'image')};
  let limit = confidence(image, anchor);
  var score = 0.0f;
  if (limit > threshold) {
    var highest = 0.0f;
    var best = 0u;
    for (var label = 0u; label < params.classCount; label++) {
      let value = probability(image, anchor, label);
      if (value > highest) {
        highest = value;
        best = label;
      }
    }
    score = limit * highest;
    if (score > threshold) {
      let values = boxAttributes(image, anchor);
      let box = toCorners(anchor, limited(values));
      if (allFinite(values) && hasArea(box)) {
        candidateBoxes[candidate] = box;
        candidateClasses[candidate] = best;
      } else {
        score = 0.0f;
      }
    }
  }
  candidateScores[candidate] = select(0u, bitcast<u32>(score), score > threshold);
}`;

const EVERY_LABEL = `
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let anchor = id.x;
  let image = id.y;
  if (anchor >= params.anchorCount) { return; }
  let candidate = image * params.anchorCount + anchor;
  let threshold = ${frameSetting('scoreThreshold', 'image')};
  let values = boxAttributes(image, anchor);
  let box = toCorners(anchor, limited(values));
  let limit = select(0.0f, confidence(image, anchor), allFinite(values) && hasArea(box));
  candidateBoxes[candidate] = box;
  for (var label = 0u; label < params.classCount; label++) {
    var score = 0.0f;
    if (limit > threshold) { score = limit * probability(image, anchor, label); }
    candidateScores[candidate * params.classCount + label] = select(0u, bitcast<u32>(score), score > threshold);
  }
}`;
