import { elementCount } from '../indexing.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';
import { concat } from './concat.ts';
import { type MaxPool2d, maxPool2d } from './max-pool-2d.ts';

/**
 * Largest values of several square windows around each pixel, as spatial pyramid pooling has (arXiv:1406.4729). Input [N,
 * C, H, W], output [N, C * sizes, H, W]: all channels of the first size, then of the next. Padding never wins.
 */
export interface MaxPoolPyramid {
  readonly type: 'maxPoolPyramid';
  /** Sides of the windows, pixels: odd, each larger than the one before. */
  readonly sizes: readonly number[];
}

/** The pool of one size. */
function poolOf(size: number): MaxPool2d {
  const half = (size - 1) / 2;
  return { type: 'maxPool2d', kernel: [size, size], strides: [1, 1], pads: [half, half, half, half] };
}

const along = { type: 'concat', axis: 1 } as const;

export const maxPoolPyramid: OpDefinition<MaxPoolPyramid> = {
  type: 'maxPoolPyramid',

  infer({ sizes }, inputs) {
    if (!sizes.every((size, index) => size % 2 === 1 && size > (sizes[index - 1] ?? 0))) {
      throw new ShapeError(`maxPoolPyramid: sizes must be odd and increase, they are [${sizes}]`);
    }
    return concat.infer(
      along,
      sizes.flatMap((size) => maxPool2d.infer(poolOf(size), inputs)),
    );
  },

  /** One comparison for each pixel of each window. */
  cost({ sizes }, [x]) {
    return { flops: elementCount(x.shape) * sizes.reduce((sum, size) => sum + size * size, 0) };
  },

  reference({ sizes }, inputs) {
    const pools = sizes.flatMap((size) => maxPool2d.reference(poolOf(size), inputs));
    return concat.reference(along, pools);
  },
};
