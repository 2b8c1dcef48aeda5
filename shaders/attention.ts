/**
 * Attention in one dispatch: a workgroup takes a head and a few queries, keeps their scores in workgroup memory, and goes on
 * from there to the softmax and to the mean of the values. Scores never reach the device's memory.
 *
 * Three phases with barriers between them:
 * 1. Scores, in blocks of 4 keys by up to 4 queries for each invocation.
 * 2. The softmax of each query's scores, by several invocations. The sum divides the result, not the weights.
 * 3. Means, up to 2 queries by one vec4 of channels for each invocation.
 *
 * Bytes: queries and result once; keys and values once for each tile of queries, mostly from cache. As many queries as fit
 * into 16 KiB, which every device has, share a reading of them: 8 for up to 500 keys.
 */
import { MOST_ATTENTION_KEYS } from '../engine/graph/ops/attention.ts';
import { WORKGROUP_INDEX, workgroupDispatch } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import type { Binding, Kernel, Parameter, TensorView } from './kernel.ts';
import { range } from './range.ts';
import { unsigned } from './strided.ts';

export interface AttentionOptions {
  /** [N, heads * D, L], as `isAttentionView` says; D a multiple of 4. */
  readonly queries: TensorView;
  /** [N, heads * D, S]; S at most `MOST_ATTENTION_KEYS`. */
  readonly keys: TensorView;
  /** [N, heads * E, S]; E a multiple of 4. */
  readonly values: TensorView;
  /** [N, heads * E, L]. */
  readonly output: TensorView;
  readonly heads: number;
  readonly scale: number;
}

const WORKGROUP_SIZE = 64;

/** Vec4s of scores that a workgroup keeps: 15.1 KiB, and the partial results of its invocations beside them. */
const MOST_SCORES = (2 * MOST_ATTENTION_KEYS) / 4;

const MOST_QUERIES = 8;

/** Whether every position is a whole number of vec4s of channels. */
export function isAttentionView({ strides, offset, shape }: TensorView): boolean {
  const others = [0, 2].filter((axis) => shape[axis] > 1).map((axis) => strides[axis]);
  return strides[1] === 1 && [offset, ...others].every((stride) => stride % 4 === 0);
}

/** Bindings: queries, keys, values, output. */
export function attention(options: AttentionOptions): Kernel {
  const { queries, keys, values, output, heads, scale } = options;
  const [batch, channels, positions] = output.shape;
  const keyVectors = Math.ceil(keys.shape[2] / 4);
  const tile = 2 ** Math.min(Math.log2(MOST_QUERIES), Math.floor(Math.log2(MOST_SCORES / keyVectors)));
  const tiles = Math.ceil(positions / tile);
  const dispatch = workgroupDispatch(tiles * heads * batch);
  const binding = (name: string, view: TensorView, access: 'read' | 'write'): Binding => {
    return { name, element: view.element, vector: 4, access };
  };
  const bindings = {
    q: binding('q', queries, 'read'),
    k: binding('k', keys, 'read'),
    v: binding('v', values, 'read'),
    y: binding('y', output, 'write'),
  };
  return {
    label: `attention ${tile} queries by ${4 * keyVectors} keys ${queries.element}`,
    bindings: Object.values(bindings),
    parameters: [
      ...viewParameters('q', queries),
      ...viewParameters('k', keys),
      ...viewParameters('v', values),
      ...viewParameters('y', output),
      unsigned('tiles', tiles),
      unsigned('heads', heads),
      unsigned('positions', positions),
      unsigned('keys', keys.shape[2]),
      unsigned('keyVectors', keyVectors),
      unsigned('queryVectors', queries.shape[1] / heads / 4),
      unsigned('valueVectors', channels / heads / 4),
      { name: 'scale', type: 'f32', value: scale },
      ...dispatch.parameters,
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: bodyText(bindings, tile, keyVectors),
  };
}

function viewParameters(name: string, { offset, strides }: TensorView): Parameter[] {
  return [
    unsigned(`${name}Offset`, offset / 4),
    unsigned(`${name}ImageStride`, Math.floor(strides[0] / 4)),
    unsigned(`${name}Stride`, Math.floor(strides[2] / 4)),
  ];
}

type Bindings = Readonly<Record<'q' | 'k' | 'v' | 'y', Binding>>;

function bodyText(bindings: Bindings, tile: number, keyVectors: number): string {
  const start = (name: string, vectors: string) =>
    `let ${name}At = params.${name}Offset + image * params.${name}ImageStride + head * params.${vectors};`;
  return `var<workgroup> scores: array<vec4<f32>, ${tile * keyVectors}>;
var<workgroup> maxima: array<f32, ${WORKGROUP_SIZE}>;
var<workgroup> sums: array<f32, ${WORKGROUP_SIZE}>;

@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  ${WORKGROUP_INDEX}
  let number = index / params.tiles;
  let firstQuery = (index - number * params.tiles) * ${tile}u;
  let image = number / params.heads;
  let head = number - image * params.heads;
  ${start('q', 'queryVectors')}
  ${start('k', 'queryVectors')}
  ${start('v', 'valueVectors')}
  ${start('y', 'valueVectors')}
  ${scoresText(bindings, tile)}
  workgroupBarrier();
  ${softmaxText(WORKGROUP_SIZE / tile)}
  workgroupBarrier();
  ${meansText(bindings, tile)}
}
`;
}

/** Scores of keys that don't exist are so low that their weight is 0. */
function scoresText({ q, k }: Bindings, tile: number): string {
  const rows = range(Math.min(4, tile));
  const blocks = tile / rows.length;
  const products = rows.map((i) => {
    const dots = range(4).map((j) => `dot(query${i}, key${j})`);
    return `score${i} += vec4<f32>(${dots.join(', ')});`;
  });
  return `for (var task = lane; task < ${blocks}u * params.keyVectors; task += ${WORKGROUP_SIZE}u) {
    let four = task / ${blocks}u;
    let row = (task - four * ${blocks}u) * ${rows.length}u;
    let numbers = 4u * four + vec4<u32>(0, 1, 2, 3);
    let keyAt = kAt + min(numbers, vec4<u32>(params.keys - 1u)) * params.kStride;
    ${rows.map((i) => `let queryAt${i} = qAt + min(firstQuery + row + ${i}u, params.positions - 1u) * params.qStride;`).join('\n    ')}
    ${rows.map((i) => `var score${i} = vec4<f32>(0);`).join(' ')}
    for (var c = 0u; c < params.queryVectors; c++) {
      ${range(4)
        .map((j) => `let key${j} = ${load(k, `keyAt[${j}] + c`)};`)
        .join('\n      ')}
      ${rows.map((i) => `let query${i} = ${load(q, `queryAt${i} + c`)};`).join('\n      ')}
      ${products.join('\n      ')}
    }
    let exists = numbers < vec4<u32>(params.keys);
    ${rows
      .map(
        (i) =>
          `scores[(row + ${i}u) * params.keyVectors + four] = select(vec4<f32>(-1e30f), params.scale * score${i}, exists);`,
      )
      .join('\n    ')}
  }`;
}

/** `parts` invocations for each row of scores, which become weights that are not yet divided by their sum. */
function softmaxText(parts: number): string {
  return `let row = lane / ${parts}u;
  let part = lane - row * ${parts}u;
  let rowAt = row * params.keyVectors;
  var highest = vec4<f32>(-1e30f);
  for (var i = part; i < params.keyVectors; i += ${parts}u) { highest = max(highest, scores[rowAt + i]); }
  maxima[lane] = max(max(highest.x, highest.y), max(highest.z, highest.w));
  workgroupBarrier();
  var largest = maxima[row * ${parts}u];
  for (var i = 1u; i < ${parts}u; i++) { largest = max(largest, maxima[row * ${parts}u + i]); }
  var total = vec4<f32>(0);
  for (var i = part; i < params.keyVectors; i += ${parts}u) {
    let weights = exp(scores[rowAt + i] - largest);
    scores[rowAt + i] = weights;
    total += weights;
  }
  sums[lane] = dot(total, vec4<f32>(1));`;
}

function meansText({ v, y }: Bindings, tile: number): string {
  const parts = WORKGROUP_SIZE / tile;
  const rows = range(Math.min(2, tile));
  const weighted = rows.map((r) => {
    const terms = ['x', 'y', 'z', 'w'].map((lane, j) => `weights${r}.${lane} * value${j}`);
    return `let weights${r} = scores[(first + ${r}u) * params.keyVectors + four];
      mean${r} += ${terms.join(' + ')};`;
  });
  const stores = rows.map(
    (r) => `if (firstQuery + first + ${r}u < params.positions) {
      var total = 0.0f;
      for (var i = 0u; i < ${parts}u; i++) { total += sums[(first + ${r}u) * ${parts}u + i]; }
      ${store(y, `yAt + (firstQuery + first + ${r}u) * params.yStride + c`, `mean${r} / total`)}
    }`,
  );
  return `for (var task = lane; task < ${tile / rows.length}u * params.valueVectors; task += ${WORKGROUP_SIZE}u) {
    let pair = task / params.valueVectors;
    let c = task - pair * params.valueVectors;
    let first = pair * ${rows.length}u;
    ${rows.map((r) => `var mean${r} = vec4<f32>(0);`).join(' ')}
    for (var four = 0u; four < params.keyVectors; four++) {
      let numbers = min(4u * four + vec4<u32>(0, 1, 2, 3), vec4<u32>(params.keys - 1u));
      let valueAt = vAt + numbers * params.vStride + c;
      ${range(4)
        .map((j) => `let value${j} = ${load(v, `valueAt[${j}]`)};`)
        .join('\n      ')}
      ${weighted.join('\n      ')}
    }
    ${stores.join('\n    ')}
  }`;
}
