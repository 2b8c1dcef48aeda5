import type { Attention } from './ops/attention.ts';
import type { AveragePool2d } from './ops/average-pool-2d.ts';
import type { Binary } from './ops/binary.ts';
import type { Cast } from './ops/cast.ts';
import type { Concat } from './ops/concat.ts';
import type { Conv2d } from './ops/conv-2d.ts';
import type { ConvTranspose2d } from './ops/conv-transpose-2d.ts';
import type { DistanceBoxes } from './ops/distance-boxes.ts';
import type { Expand } from './ops/expand.ts';
import type { Gather } from './ops/gather.ts';
import type { GatherElements } from './ops/gather-elements.ts';
import type { MatMul } from './ops/mat-mul.ts';
import type { MaxPool2d } from './ops/max-pool-2d.ts';
import type { MaxPoolPyramid } from './ops/max-pool-pyramid.ts';
import type { Pad } from './ops/pad.ts';
import type { Reduce } from './ops/reduce.ts';
import type { Reshape } from './ops/reshape.ts';
import type { Resize2d } from './ops/resize-2d.ts';
import type { ScatterNd } from './ops/scatter-nd.ts';
import type { Select } from './ops/select.ts';
import type { Slice } from './ops/slice.ts';
import type { Softmax } from './ops/softmax.ts';
import type { TopK } from './ops/top-k.ts';
import type { Transpose } from './ops/transpose.ts';
import type { Unary } from './ops/unary.ts';

/** The closed set of operations. Importers express everything else in these. */
export type Op =
  | Attention
  | AveragePool2d
  | Binary
  | Cast
  | Concat
  | Conv2d
  | ConvTranspose2d
  | DistanceBoxes
  | Expand
  | Gather
  | GatherElements
  | MatMul
  | MaxPool2d
  | MaxPoolPyramid
  | Pad
  | Reduce
  | Reshape
  | Resize2d
  | ScatterNd
  | Select
  | Slice
  | Softmax
  | TopK
  | Transpose
  | Unary;

export type OpType = Op['type'];
