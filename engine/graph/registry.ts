import type { Op, OpType } from './op.ts';
import { attention } from './ops/attention.ts';
import { averagePool2d } from './ops/average-pool-2d.ts';
import { binary } from './ops/binary.ts';
import { cast } from './ops/cast.ts';
import { concat } from './ops/concat.ts';
import { conv2d } from './ops/conv-2d.ts';
import { convTranspose2d } from './ops/conv-transpose-2d.ts';
import { distanceBoxes } from './ops/distance-boxes.ts';
import { expand } from './ops/expand.ts';
import { gather } from './ops/gather.ts';
import { gatherElements } from './ops/gather-elements.ts';
import { matMul } from './ops/mat-mul.ts';
import { maxPool2d } from './ops/max-pool-2d.ts';
import { maxPoolPyramid } from './ops/max-pool-pyramid.ts';
import { pad } from './ops/pad.ts';
import { reduce } from './ops/reduce.ts';
import { reshape } from './ops/reshape.ts';
import { resize2d } from './ops/resize-2d.ts';
import { scatterNd } from './ops/scatter-nd.ts';
import { select } from './ops/select.ts';
import { slice } from './ops/slice.ts';
import { softmax } from './ops/softmax.ts';
import { topK } from './ops/top-k.ts';
import { transpose } from './ops/transpose.ts';
import { unary } from './ops/unary.ts';
import type { OpDefinition } from './types.ts';

type Definitions = { readonly [T in OpType]: OpDefinition<Extract<Op, { type: T }>> };

const definitions: Definitions = {
  attention,
  averagePool2d,
  binary,
  cast,
  concat,
  conv2d,
  convTranspose2d,
  distanceBoxes,
  expand,
  gather,
  gatherElements,
  matMul,
  maxPool2d,
  maxPoolPyramid,
  pad,
  reduce,
  reshape,
  resize2d,
  scatterNd,
  select,
  slice,
  softmax,
  topK,
  transpose,
  unary,
};

/** What the compiler knows of an op: its type rules, cost and reference implementation. */
export function definitionOf<O extends Op>(op: O): OpDefinition<O> {
  return definitions[op.type] as unknown as OpDefinition<O>;
}
