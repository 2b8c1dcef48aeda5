import { lowerAttention } from './rules/attention.ts';
import { lowerDistanceBoxes } from './rules/distance-boxes.ts';
import { lowerMaxPoolPyramid } from './rules/max-pool-pyramid.ts';
import { lowerResize2d } from './rules/resize-2d.ts';
import type { LoweringRules } from './rules/rule.ts';
import {
  lowerGather,
  lowerMatMul,
  lowerPad,
  lowerReduce,
  lowerScatterNd,
  lowerSoftmax,
  lowerTopK,
} from './rules/strided.ts';

/** For ops that only some graphs have: heads, attention, ranking, and what few exporters write. Loaded when needed. */
export const furtherRules = {
  attention: lowerAttention,
  distanceBoxes: lowerDistanceBoxes,
  gather: lowerGather,
  gatherElements: lowerGather,
  matMul: lowerMatMul,
  maxPoolPyramid: lowerMaxPoolPyramid,
  pad: lowerPad,
  reduce: lowerReduce,
  resize2d: lowerResize2d,
  scatterNd: lowerScatterNd,
  softmax: lowerSoftmax,
  topK: lowerTopK,
} satisfies LoweringRules;
