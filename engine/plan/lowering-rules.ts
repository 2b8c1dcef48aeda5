import type { Op } from '../graph/op.ts';
import type { Node } from '../graph/types.ts';
import type { Lowering } from './lowering.ts';
import { lowerConv2d, lowerConvTranspose2d } from './rules/convolution.ts';
import { lowerDistanceBoxes } from './rules/distance-boxes.ts';
import { lowerElementwise } from './rules/elementwise.ts';
import { lowerPool2d, lowerResize2d } from './rules/feature-map.ts';
import { lowerMaxPoolPyramid } from './rules/max-pool-pyramid.ts';
import { lowerConcat, lowerExpand, lowerReshape, lowerSlice, lowerTranspose } from './rules/movement.ts';
import {
  lowerGather,
  lowerMatMul,
  lowerPad,
  lowerReduce,
  lowerScatterNd,
  lowerSoftmax,
  lowerTopK,
} from './rules/strided.ts';

type Rules = { readonly [T in Op['type']]: (lowering: Lowering, node: Node<Extract<Op, { type: T }>>) => void };

const rules: Rules = {
  averagePool2d: lowerPool2d,
  binary: lowerElementwise,
  cast: lowerElementwise,
  concat: lowerConcat,
  conv2d: lowerConv2d,
  convTranspose2d: lowerConvTranspose2d,
  distanceBoxes: lowerDistanceBoxes,
  expand: lowerExpand,
  gather: lowerGather,
  gatherElements: lowerGather,
  matMul: lowerMatMul,
  maxPool2d: lowerPool2d,
  maxPoolPyramid: lowerMaxPoolPyramid,
  pad: lowerPad,
  reduce: lowerReduce,
  reshape: lowerReshape,
  resize2d: lowerResize2d,
  scatterNd: lowerScatterNd,
  select: lowerElementwise,
  slice: lowerSlice,
  softmax: lowerSoftmax,
  topK: lowerTopK,
  transpose: lowerTranspose,
  unary: lowerElementwise,
};

/** Turns one node into dispatches, or into a view of what is there already. */
export function lowerNode(lowering: Lowering, node: Node): void {
  (rules[node.op.type] as (lowering: Lowering, node: Node) => void)(lowering, node);
}
