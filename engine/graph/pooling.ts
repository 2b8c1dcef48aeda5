import { elementCount } from './indexing.ts';
import { requireInputs, requireKind, requireRank } from './rules.ts';
import type { DenseTensor, Shape, TensorType } from './tensor.ts';
import { outputSize, requireCoveredWindows } from './windows.ts';

/** What both kinds of pool have, see their ops. */
interface Pool {
  readonly type: string;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

/** The type rules of pools. `covered` refuses windows that see nothing but padding. */
export function inferPool(op: Pool, inputs: readonly TensorType[], covered: boolean): TensorType[] {
  requireInputs(op.type, inputs, 1);
  const [x] = inputs;
  requireKind(`${op.type}: x`, x, 'float');
  requireRank(`${op.type}: x`, x, 4);
  const [batch, channels, height, width] = x.shape;
  const windows = { ...op, dilations: [1, 1] } as const;
  if (covered) requireCoveredWindows(op.type, [height, width], windows);
  return [{ kind: 'float', shape: [batch, channels, ...outputSize(op.type, [height, width], windows)] }];
}

/** Rows from `top` to before `bottom`, columns from `left` to before `right`, all inside of the input. */
export interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Computes every output from its window. Plane p of the input begins at element p * height * width. */
export function evaluatePool(
  op: Pool,
  x: DenseTensor,
  shape: Shape,
  evaluate: (plane: number, window: Window) => number,
): DenseTensor {
  const [, , height, width] = x.shape;
  const [batch, channels, outHeight, outWidth] = shape;
  const data = new Float64Array(elementCount(shape));
  let index = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const start = oy * op.strides[0] - op.pads[0];
      const [top, bottom] = [Math.max(start, 0), Math.min(start + op.kernel[0], height)];
      for (let ox = 0; ox < outWidth; ox++) {
        const first = ox * op.strides[1] - op.pads[1];
        const [left, right] = [Math.max(first, 0), Math.min(first + op.kernel[1], width)];
        data[index++] = evaluate(plane, { top, bottom, left, right });
      }
    }
  }
  return { kind: 'float', shape, data };
}
