import type { ElementType } from '../../shaders/kernel.ts';
import { OutOfMemoryError } from '../errors.ts';
import { float32ToFloat16 } from '../half.ts';

/** Elements as the device stores them, zero-filled up to `count`. */
export function encodeElements(
  values: Float32Array | Int32Array,
  element: ElementType,
  count: number,
): ArrayBufferView<ArrayBuffer> {
  if (element === 'f16') {
    const halves = new Uint16Array(count);
    halves.set(float32ToFloat16(values));
    return halves;
  }
  const stored = element === 'f32' ? new Float32Array(count) : new Int32Array(count);
  stored.set(values);
  return stored;
}

export function bindingTooLarge(tensor: string, bytes: number, limit: number): OutOfMemoryError {
  const mib = (count: number) => (count / 2 ** 20).toFixed(1);
  return new OutOfMemoryError(
    `tensor ${tensor} takes ${mib(bytes)} MiB and this device binds at most ${mib(limit)} MiB at once; ` +
      'use a smaller input size or float16',
  );
}
