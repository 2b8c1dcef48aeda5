import type { AveragePool2d } from '../../../engine/graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../../../engine/graph/ops/max-pool-2d.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import type { NodeReader, OperatorTable } from '../node-reader.ts';
import { UnsupportedOperator } from '../node-reader.ts';
import { pairOf, readPads } from '../windows.ts';

export const pooling: OperatorTable = {
  MaxPool: (node) => {
    const x = node.input(0);
    const { kernel, strides, pads, extra } = readPooling(node, x);
    const op: MaxPool2d = {
      type: 'maxPool2d',
      kernel,
      strides,
      pads: [pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1]],
    };
    return [node.apply(op, [x])];
  },
  AveragePool: (node) => [averagePool(node, node.input(0))],
  GlobalAveragePool: (node) => [globalPool(node, node.input(0), 'mean')],
  GlobalMaxPool: (node) => [globalPool(node, node.input(0), 'maximum')],
};

/** Also the float part of the quantised form, where `label` names a step. */
export function averagePool(node: NodeReader, x: Value, label?: string): Value {
  const { kernel, strides, pads, extra } = readPooling(node, x);
  const countIncludePad = node.int('count_include_pad', 0) !== 0;
  const padded = pads.some((pad) => pad > 0);
  const enlarged = extra[0] > 0 || extra[1] > 0;
  const base = { type: 'averagePool2d', kernel, strides } as const;
  if (!enlarged) return node.apply({ ...base, pads, countIncludePad } satisfies AveragePool2d, [x], label);
  // Ceil mode's own padding never counts in the divisor. Where the stated padding does, it becomes part of the tensor.
  if (countIncludePad && padded) {
    const [top, left, bottom, right] = pads;
    const pad = { type: 'pad', before: [0, 0, top, left], after: [0, 0, bottom, right], value: 0 } as const;
    const larger = node.apply(pad, [x], 'padded');
    return node.apply({ ...base, pads: [0, 0, extra[0], extra[1]], countIncludePad: false }, [larger], label);
  }
  const all = [pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1]] as const;
  return node.apply({ ...base, pads: all, countIncludePad: false }, [x], label);
}

export function globalPool(node: NodeReader, x: Value, fn: 'mean' | 'maximum', label?: string): Value {
  if (x.shape.length < 3) throw new ShapeError(`its input has ${x.shape.length} dimensions, it needs 3 or more`);
  const axes = x.shape.map((_, axis) => axis).slice(2);
  return node.apply({ type: 'reduce', function: fn, axes, keepDims: true }, [x], label);
}

interface Pooling {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  /** Padding at the bottom and the right that ceil mode adds. */
  readonly extra: readonly [number, number];
}

function readPooling(node: NodeReader, x: Value): Pooling {
  const kernel = pairOf(node, 'kernel_shape', node.required('kernel_shape', 'ints'));
  const strides = pairOf(node, 'strides', node.optionalIntList('strides') ?? [1, 1]);
  const dilations = pairOf(node, 'dilations', node.optionalIntList('dilations') ?? [1, 1]);
  if (dilations.some((dilation) => dilation !== 1)) throw new UnsupportedOperator('dilated pooling is not supported');
  if (x.shape.length !== 4) throw new ShapeError(`its input has ${x.shape.length} dimensions, it needs 4`);
  const size = [x.shape[2], x.shape[3]] as const;
  const pads = readPads(node, size, { kernel, strides, dilations });
  const ceilMode = node.int('ceil_mode', 0) !== 0;
  const extraOf = (axis: 0 | 1) => extraPadding(size[axis], kernel[axis], strides[axis], pads[axis], pads[axis + 2]);
  return { kernel, strides, pads, extra: ceilMode ? [extraOf(0), extraOf(1)] : [0, 0] };
}

/** What ceil mode pads at the far side so that the last, partial window exists, provided that it begins inside. */
function extraPadding(size: number, kernel: number, stride: number, before: number, after: number): number {
  let windows = Math.ceil((size + before + after - kernel) / stride) + 1;
  if ((windows - 1) * stride >= size + before) windows--;
  return Math.max((windows - 1) * stride + kernel - (size + before + after), 0);
}
