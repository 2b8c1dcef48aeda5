/**
 * The k largest or smallest elements of each row, sorted, with their indices; of equal elements the lower index first.
 * NaN comes last. One workgroup of 256 invocations per row.
 *
 * 1. Each element becomes a key, a u32 in whose order larger is better: the float's bits, all flipped where it is
 *    negative, else only the sign.
 * 2. Radix select: four passes over the row count the keys' bytes, from the highest, among the keys that agree with the
 *    k-th best so far. They end with its key, the threshold, and how many elements of that key are among the k.
 * 3. The elements above the threshold, and the first of those that equal it, are collected. Each invocation takes a
 *    contiguous part of the row, and a prefix sum over the invocations' counts decides which ties are the first.
 * 4. Sorting. Up to 512 elements: in workgroup memory; the rank of an element is the count of those before it, so every
 *    element is independent of the others (k * k comparisons). More: Batcher's merge exchange sort (Knuth, The Art of
 *    Computer Programming 3, 5.2.2, Algorithm M) on the indices in the output itself, in about log2(k)^2 / 2 steps with a
 *    barrier after each; the keys are read again from the input.
 *
 * Reads the row six times; all but the first come from cache. Everything is deterministic.
 *
 * Measured on llvmpipe, 8400 elements: for k = 300 both ways of sorting take the same time; for k = 1000 the merge
 * exchange takes 0.4 of that of counting, and 0.3 if it too is done in workgroup memory, where it loses at k = 300 (1.2).
 */

import { WORKGROUP_INDEX, workgroupDispatch } from './dispatch-size.ts';
import { computeType, load } from './element-types.ts';
import type { Binding, Kernel, TensorView } from './kernel.ts';
import { atStart, collapseDimensions, countOf, loopText, unsigned } from './strided.ts';

export interface TopKOptions {
  readonly input: TensorView;
  /** Of the input's element type. Its size along the axis is k, from 1 to the input's. */
  readonly values: TensorView;
  /** i32. */
  readonly indices: TensorView;
  readonly axis: number;
  readonly largest: boolean;
}

const WORKGROUP_SIZE = 256;
/** The most elements that are sorted in workgroup memory: 4 KiB of keys and indices. */
const SORTED_IN_WORKGROUP = 512;

/** Bindings: input, values, indices. */
export function topK(options: TopKOptions): Kernel {
  const { input, values, indices, axis, largest } = options;
  if (values.element !== input.element) throw new Error(`topK of ${input.element} can't give ${values.element}`);
  if (indices.element !== 'i32') throw new Error(`topK gives i32 indices, not ${indices.element}`);
  const k = values.shape[axis];
  const loop = collapseDimensions([values, indices, input].map((view) => atStart(view, [axis])));
  const bindings: Binding[] = [
    { name: 'x', element: input.element, vector: 1, access: 'read' },
    { name: 'values', element: values.element, vector: 1, access: 'write' },
    { name: 'indices', element: 'i32', vector: 1, access: 'write' },
  ];
  const text = loopText(loop, [
    { name: 'values', offset: values.offset },
    { name: 'indices', offset: indices.offset },
    { name: 'x', offset: input.offset },
  ]);
  const [toValues, toIndices, from] = text.offsets;
  const dispatch = workgroupDispatch(countOf(loop.sizes));
  const small = k <= SORTED_IN_WORKGROUP;
  return {
    label: `topK ${largest ? 'largest' : 'smallest'} ${input.element} ${small ? 'in workgroup memory' : 'in the output'}`,
    bindings,
    parameters: [
      ...text.parameters,
      ...dispatch.parameters,
      unsigned('length', input.shape[axis]),
      unsigned('k', k),
      unsigned('xStep', input.strides[axis]),
      unsigned('valuesStep', values.strides[axis]),
      unsigned('indicesStep', indices.strides[axis]),
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `${keyText(bindings[0], largest)}
${SELECTION}
${small ? SORT_IN_WORKGROUP : SORT_IN_OUTPUT}
@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  ${WORKGROUP_INDEX}
  ${text.coordinates}
  let xAt = ${from};
  let toValues = ${toValues};
  let toIndices = ${toIndices};
  let threshold = selectThreshold(lane, xAt);
  collect(lane, xAt, toIndices, threshold);
  sortAndWrite(lane, xAt, toValues, toIndices);
}
`,
  };
}

function keyText(x: Binding, largest: boolean): string {
  const flip = largest ? '' : '~';
  if (computeType(x.element) === 'i32') {
    return `fn keyAt(at: u32) -> u32 {
  return ${flip}(bitcast<u32>(${load(x, 'at')}) ^ 0x80000000u);
}`;
  }
  return `fn keyAt(at: u32) -> u32 {
  var bits = bitcast<u32>(${load(x, 'at')});
  // NaN, seen by its bits because arithmetic may assume that there is none.
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0u; }
  // -0 equals 0.
  if (bits == 0x80000000u) { bits = 0u; }
  return ${flip}select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}`;
}

/** Lanes of the workgroup are also the 256 values of a byte. */
const SELECTION = `struct Threshold {
  // The key of the k-th best element.
  key: u32,
  // How many elements of that key are among the k best.
  ties: u32,
}

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> chosen: Threshold;
var<workgroup> sums: array<u32, ${WORKGROUP_SIZE}>;
var<workgroup> collected: atomic<u32>;

// The sum over all lower lanes.
fn sumBefore(lane: u32, value: u32) -> u32 {
  var sum = value;
  for (var distance = 1u; distance < ${WORKGROUP_SIZE}u; distance <<= 1u) {
    sums[lane] = sum;
    workgroupBarrier();
    if (lane >= distance) { sum += sums[lane - distance]; }
    workgroupBarrier();
  }
  return sum - value;
}

fn selectThreshold(lane: u32, xAt: u32) -> Threshold {
  var prefix = 0u;
  var wanted = params.k;
  for (var shift = 24i; shift >= 0; shift -= 8) {
    atomicStore(&counts[lane], 0u);
    workgroupBarrier();
    let mask = select(0u, 0xffffff00u << u32(shift), shift < 24);
    for (var i = lane; i < params.length; i += ${WORKGROUP_SIZE}u) {
      let key = keyAt(xAt + i * params.xStep);
      if ((key & mask) == prefix) { atomicAdd(&counts[(key >> u32(shift)) & 255u], 1u); }
    }
    workgroupBarrier();
    // Lanes take bytes from the best down; the k-th best has the byte at which the count reaches what is wanted.
    let byte = ${WORKGROUP_SIZE - 1}u - lane;
    let count = atomicLoad(&counts[byte]);
    let better = sumBefore(lane, count);
    if (better < wanted && better + count >= wanted) {
      chosen = Threshold(prefix | (byte << u32(shift)), wanted - better);
    }
    let next = workgroupUniformLoad(&chosen);
    prefix = next.key;
    wanted = next.ties;
  }
  return Threshold(prefix, wanted);
}

// Lanes take contiguous parts of the row, so that lower lanes have the lower indices.
fn collect(lane: u32, xAt: u32, toIndices: u32, threshold: Threshold) {
  let size = (params.length + ${WORKGROUP_SIZE - 1}u) / ${WORKGROUP_SIZE}u;
  let first = min(lane * size, params.length);
  let end = min(first + size, params.length);
  var ties = 0u;
  for (var i = first; i < end; i++) {
    if (keyAt(xAt + i * params.xStep) == threshold.key) { ties++; }
  }
  ties = sumBefore(lane, ties);
  for (var i = first; i < end; i++) {
    let key = keyAt(xAt + i * params.xStep);
    if (key < threshold.key) { continue; }
    if (key == threshold.key) {
      ties++;
      if (ties > threshold.ties) { continue; }
    }
    keep(toIndices, atomicAdd(&collected, 1u), i, key);
  }
}
`;

const SORT_IN_WORKGROUP = `var<workgroup> keys: array<u32, ${SORTED_IN_WORKGROUP}>;
var<workgroup> positions: array<u32, ${SORTED_IN_WORKGROUP}>;

fn keep(toIndices: u32, slot: u32, position: u32, key: u32) {
  keys[slot] = key;
  positions[slot] = position;
}

fn sortAndWrite(lane: u32, xAt: u32, toValues: u32, toIndices: u32) {
  workgroupBarrier();
  for (var slot = lane; slot < params.k; slot += ${WORKGROUP_SIZE}u) {
    let key = keys[slot];
    let position = positions[slot];
    var rank = 0u;
    for (var other = 0u; other < params.k; other++) {
      let better = keys[other] > key || (keys[other] == key && positions[other] < position);
      rank += select(0u, 1u, better);
    }
    values[toValues + rank * params.valuesStep] = x[xAt + position * params.xStep];
    indices[toIndices + rank * params.indicesStep] = i32(position);
  }
}
`;

const SORT_IN_OUTPUT = `fn keep(toIndices: u32, slot: u32, position: u32, key: u32) {
  indices[toIndices + slot * params.indicesStep] = i32(position);
}

fn exchange(xAt: u32, toIndices: u32, slot: u32, distance: u32) {
  let at = toIndices + slot * params.indicesStep;
  let atOther = at + distance * params.indicesStep;
  let position = u32(indices[at]);
  let other = u32(indices[atOther]);
  let key = keyAt(xAt + position * params.xStep);
  let otherKey = keyAt(xAt + other * params.xStep);
  if (otherKey > key || (otherKey == key && other < position)) {
    indices[at] = i32(other);
    indices[atOther] = i32(position);
  }
}

fn sortAndWrite(lane: u32, xAt: u32, toValues: u32, toIndices: u32) {
  storageBarrier();
  // The largest power of two below k.
  let top = 1u << firstLeadingBit(params.k - 1u);
  for (var p = top; p > 0u; p >>= 1u) {
    var remainder = 0u;
    var distance = p;
    for (var q = top; q >= p; q >>= 1u) {
      for (var slot = lane; slot < params.k - distance; slot += ${WORKGROUP_SIZE}u) {
        if ((slot & p) == remainder) { exchange(xAt, toIndices, slot, distance); }
      }
      storageBarrier();
      distance = q - p;
      remainder = p;
    }
  }
  for (var rank = lane; rank < params.k; rank += ${WORKGROUP_SIZE}u) {
    let position = u32(indices[toIndices + rank * params.indicesStep]);
    values[toValues + rank * params.valuesStep] = x[xAt + position * params.xStep];
  }
}
`;
