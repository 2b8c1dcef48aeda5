import type { ElementType } from '../../shaders/kernel.ts';
import { elementCount } from '../graph/indexing.ts';
import type { DenseTensor, Shape } from '../graph/types.ts';
import { float16ToFloat32, float32ToFloat16 } from '../half.ts';

/** Floats spread evenly over (-1, 1) that the seed decides: the generator mulberry32 (public domain, Tommy Ettinger). */
export function seededTensor(seed: number, shape: Shape, element: ElementType): DenseTensor {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const data = Float32Array.from({ length: elementCount(shape) }, () => next() * 2 - 1);
  // As they read after having been stored.
  return { kind: 'float', shape, data: element === 'f16' ? float16ToFloat32(float32ToFloat16(data)) : data };
}
