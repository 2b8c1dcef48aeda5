import { allocate, elementCount, forEachRow, rowMajorStrides } from '../indexing.ts';
import { requireAxis, requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Reduces axes to one element each. */
export interface Reduce {
  readonly type: 'reduce';
  readonly function: 'sum' | 'mean' | 'maximum' | 'minimum' | 'product';
  /** Ascending, each 0 <= axis < rank. */
  readonly axes: readonly number[];
  /** Whether a reduced axis stays with size 1 or goes. */
  readonly keepDims: boolean;
}

export const reduce: OpDefinition<Reduce> = {
  type: 'reduce',

  infer(op, inputs) {
    const what = `reduce ${op.function}`;
    requireInputs(what, inputs, 1);
    const [x] = inputs;
    if (op.function === 'mean') requireKind(what, x, 'float');
    else requireKind(what, x, 'float', 'int');
    op.axes.forEach((axis, index) => {
      requireAxis(what, axis, x);
      if (index > 0 && axis <= op.axes[index - 1]) throw new ShapeError(`${what}: axes [${op.axes}] must ascend`);
      if (x.shape[axis] === 0 && op.function !== 'sum' && op.function !== 'product') {
        throw new ShapeError(`${what}: axis ${axis} of [${x.shape}] has no elements`);
      }
    });
    const kept = x.shape.map((size, axis) => (op.axes.includes(axis) ? 1 : size));
    const shape = op.keepDims ? kept : x.shape.filter((_, axis) => !op.axes.includes(axis));
    return [{ kind: x.kind, shape }];
  },

  cost(_op, [x]) {
    return { flops: elementCount(x.shape) };
  },

  reference(op, inputs) {
    const [x] = inputs;
    const [{ kind, shape }] = reduce.infer(op, inputs);
    const { initial, combine } = combinations[op.function];
    const data = allocate(kind, elementCount(shape));
    const sums = new Float64Array(data.length).fill(initial);
    // The output is walked along with the input, standing still on reduced axes.
    const kept = x.shape.map((size, axis) => (op.axes.includes(axis) ? 1 : size));
    const strides = rowMajorStrides(kept).map((stride, axis) => (op.axes.includes(axis) ? 0 : stride));
    let index = 0;
    forEachRow(x.shape, [strides], (length, [start], [step]) => {
      for (let i = 0; i < length; i++) {
        const target = start + i * step;
        sums[target] = combine(sums[target], x.data[index++]);
      }
    });
    const divisor = op.function === 'mean' ? x.data.length / data.length : 1;
    for (let i = 0; i < data.length; i++) data[i] = sums[i] / divisor;
    return [{ kind, shape, data }];
  },
};

const sum = { initial: 0, combine: (a: number, b: number) => a + b };

const combinations = {
  sum,
  mean: sum,
  maximum: { initial: -Infinity, combine: Math.max },
  minimum: { initial: Infinity, combine: Math.min },
  product: { initial: 1, combine: (a: number, b: number) => a * b },
} as const;
