import { frameSetting, WRITE_RESULT } from './frame-settings.ts';
import type { Binding, Kernel } from './kernel.ts';

export interface SuppressionSpec {
  /** How many are in a batch. */
  readonly images: number;
  /** How many candidates the decode can yield for an image. */
  readonly candidates: number;
  /** How many classes share an anchor's box in the numbering of candidates: the class count with multiLabel, else 1. */
  readonly classesPerAnchor: number;
  /** Rows of the result. */
  readonly capacity: number;
  /** Only this many of the best candidates take part. */
  readonly limit: number;
}

/** One workgroup an image; every WebGPU device allows this many invocations. */
const WORKGROUP = 256;

/** Words of the scratch buffer `lists` for an image. */
export function suppressionListWords(candidates: number): number {
  return Math.ceil(candidates / WORKGROUP) * WORKGROUP;
}

/**
 * Class-aware greedy non-maximum suppression: the best candidate left is kept and removes those of its class (of any
 * class, if the settings say so) that overlap it with an IoU above the threshold, until none is left or the result is
 * full. Equal scores go by candidate number, lower first, so the result depends on nothing but its inputs.
 *
 * A workgroup works on one image. Each invocation lists the candidates that are its own (every 256th), so a round costs one pass over what is left, and
 * the rounds are as many as the detections kept: nothing is sorted, and no candidates but the kept are compared with all.
 *
 * Candidates are numbered through all images of the batch. Bindings: settings, candidateBoxes, candidateScores and (with one class per anchor) candidateClasses as the decode
 * wrote them, lists (scratch), result (see frame-settings.ts).
 */
export function suppressionKernel(spec: SuppressionSpec): Kernel {
  const multiLabel = spec.classesPerAnchor > 1;
  const bindings: Binding[] = [
    { name: 'settings', element: 'f32', vector: 1, access: 'read' },
    { name: 'candidateBoxes', element: 'f32', vector: 4, access: 'read' },
    { name: 'candidateScores', element: 'u32', vector: 1, access: 'read' },
  ];
  if (!multiLabel) bindings.push({ name: 'candidateClasses', element: 'u32', vector: 1, access: 'read' });
  bindings.push({ name: 'lists', element: 'u32', vector: 1, access: 'write' });
  bindings.push({ name: 'result', element: 'u32', vector: 1, access: 'write' });
  const limited = spec.candidates > spec.limit;
  const values = {
    candidates: spec.candidates,
    classesPerAnchor: spec.classesPerAnchor,
    capacity: spec.capacity,
    limit: spec.limit,
  };
  return {
    label: `nms of ${limited ? `the best ${spec.limit} of ` : ''}${spec.candidates} candidates`,
    bindings,
    parameters: Object.entries(values).map(([name, value]) => ({ name, type: 'u32', value })),
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: [spec.images, 1, 1],
    body: `
${multiLabel ? MANY_CLASSES : ONE_CLASS}
${limited ? BEST_CANDIDATES : ''}
${WRITE_RESULT}
${SUPPRESSION}
@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let image = group.x;
  let list = image * ${suppressionListWords(spec.candidates)}u + thread;
  let end = (image + 1u) * params.candidates;
  var length = 0u;
  for (var candidate = image * params.candidates + thread; candidate < end; candidate += ${WORKGROUP}u) {
    if (candidateScores[candidate] != 0u) {
      lists[list + ${WORKGROUP}u * length] = candidate;
      length++;
    }
  }
  ${limited ? 'length = keepBest(thread, list, length);' : ''}
  suppress(image, thread, list, length);
}`,
  };
}

const ONE_CLASS = `
fn anchorOf(candidate: u32) -> u32 { return candidate; }
fn classOf(candidate: u32) -> u32 { return candidateClasses[candidate]; }`;

const MANY_CLASSES = `
fn anchorOf(candidate: u32) -> u32 { return candidate / params.classesPerAnchor; }
fn classOf(candidate: u32) -> u32 { return candidate % params.classesPerAnchor; }`;

/**
 * Scores are positive, so their bits order like integers. A candidate's key is its score and, below it, the complement of
 * its number. The key of the last candidate to keep is found digit by digit (8 bits each, highest first): a histogram of
 * the digit among the candidates that share the digits found so far tells in which bin that candidate is.
 */
const BEST_CANDIDATES = `
var<workgroup> total: atomic<u32>;
var<workgroup> histogram: array<atomic<u32>, ${WORKGROUP}>;
var<workgroup> lastKey: vec2<u32>;
var<workgroup> wanted: u32;
var<workgroup> excess: bool;

fn keyOf(candidate: u32) -> vec2<u32> {
  return vec2<u32>(candidateScores[candidate], ~candidate);
}

fn keepBest(thread: u32, list: u32, length: u32) -> u32 {
  atomicAdd(&total, length);
  workgroupBarrier();
  if (thread == 0u) {
    excess = atomicLoad(&total) > params.limit;
    wanted = params.limit;
  }
  if (!workgroupUniformLoad(&excess)) { return length; }
  for (var digit = 0u; digit < 8u; digit++) {
    let word = digit / 4u;
    let shift = 24u - 8u * (digit % 4u);
    // All ones above the digit; a shift by 32 would be a shift by 0.
    let above = ~((2u << (shift + 7u)) - 1u);
    atomicStore(&histogram[thread], 0u);
    let found = workgroupUniformLoad(&lastKey);
    for (var i = 0u; i < length; i++) {
      let key = keyOf(lists[list + ${WORKGROUP}u * i]);
      let alike = (word == 0u || key[0] == found[0]) && (key[word] & above) == (found[word] & above);
      if (alike) { atomicAdd(&histogram[(key[word] >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    if (thread == 0u) {
      var bin = 255u;
      var left = wanted;
      for (; bin > 0u; bin--) {
        let size = atomicLoad(&histogram[bin]);
        if (size >= left) { break; }
        left -= size;
      }
      wanted = left;
      lastKey[word] |= bin << shift;
    }
    workgroupBarrier();
  }
  let last = workgroupUniformLoad(&lastKey);
  var kept = 0u;
  for (var i = 0u; i < length; i++) {
    let candidate = lists[list + ${WORKGROUP}u * i];
    let key = keyOf(candidate);
    if (key[0] > last[0] || (key[0] == last[0] && key[1] >= last[1])) {
      lists[list + ${WORKGROUP}u * kept] = candidate;
      kept++;
    }
  }
  return kept;
}`;

const SUPPRESSION = `
const NONE = 0xffffffffu;
var<workgroup> highest: atomic<u32>;
var<workgroup> first: atomic<u32>;
var<workgroup> winner: u32;

// The common area exceeds its share of the united area. Boxes have an area, so a NaN can't arise as it could by dividing.
fn overlaps(a: vec4<f32>, b: vec4<f32>, threshold: f32) -> bool {
  let side = max(min(a.zw, b.zw) - max(a.xy, b.xy), vec2<f32>(0.0f));
  let inside = side.x * side.y;
  let sizes = vec4<f32>(a.zw - a.xy, b.zw - b.xy);
  return inside > threshold * (sizes.x * sizes.y + sizes.z * sizes.w - inside);
}

fn suppress(image: u32, thread: u32, list: u32, listed: u32) {
  let threshold = ${frameSetting('iouThreshold', 'image')};
  let agnostic = ${frameSetting('classAgnostic', 'image')} != 0.0f;
  let wanted = min(u32(${frameSetting('maxDetections', 'image')}), params.capacity);
  var length = listed;
  var kept = 0u;
  var winnerBox = vec4<f32>(0.0f);
  var winnerClass = NONE;
  if (thread == 0u) {
    winner = NONE;
    atomicStore(&first, NONE);
  }
  while (kept < wanted) {
    // Drop what the last winner suppresses, and the winner itself; find the best of the rest.
    let last = workgroupUniformLoad(&winner);
    var left = 0u;
    var bestScore = 0u;
    var best = NONE;
    for (var i = 0u; i < length; i++) {
      let candidate = lists[list + ${WORKGROUP}u * i];
      let rival = agnostic || classOf(candidate) == winnerClass;
      let suppressed = rival && overlaps(candidateBoxes[anchorOf(candidate)], winnerBox, threshold);
      if (candidate == last || suppressed) { continue; }
      lists[list + ${WORKGROUP}u * left] = candidate;
      left++;
      // Candidates are listed in ascending order, so the first of equals stays.
      let score = candidateScores[candidate];
      if (score > bestScore) {
        bestScore = score;
        best = candidate;
      }
    }
    length = left;
    if (best != NONE) { atomicMax(&highest, bestScore); }
    workgroupBarrier();
    if (best != NONE && bestScore == atomicLoad(&highest)) { atomicMin(&first, best); }
    workgroupBarrier();
    if (thread == 0u) {
      winner = atomicLoad(&first);
      atomicStore(&first, NONE);
      atomicStore(&highest, 0u);
    }
    let next = workgroupUniformLoad(&winner);
    if (next == NONE) { break; }
    winnerBox = candidateBoxes[anchorOf(next)];
    winnerClass = classOf(next);
    if (thread == 0u) {
      let anchor = anchorOf(next) - image * (params.candidates / params.classesPerAnchor);
      writeRow(image, kept, winnerBox, candidateScores[next], winnerClass, anchor);
    }
    kept++;
  }
  if (thread == 0u) { writeCount(image, kept); }
}`;
