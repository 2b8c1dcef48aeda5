import { float32ToBfloat16, float32ToFloat16 } from '../../engine/half.ts';
import type { StoredTensor, StoredType } from '../../loader/model-file.ts';

/** A tensor stated by its elements: numbers, or bigints where 64-bit integers exceed 2^53. Booleans are 0 and 1. */
export interface TensorElements {
  readonly name: string;
  readonly type: StoredType;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/** The tensor as a file stores it: little endian, row major. Integers wrap; floats round to nearest, ties to even. */
export function storeTensor({ name, type, dims, data }: TensorElements): StoredTensor {
  const stored = storedArray(type, data);
  return { name, type, dims, bytes: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) };
}

function storedArray(type: StoredType, data: ArrayLike<number | bigint>): ArrayBufferView {
  switch (type) {
    case 'int64':
      return BigInt64Array.from(Array.from(data, BigInt));
    case 'uint64':
      return BigUint64Array.from(Array.from(data, BigInt));
    case 'float16':
      return float32ToFloat16(Array.from(data, Number));
    case 'bfloat16':
      return float32ToBfloat16(Array.from(data, Number));
    default:
      return arrayTypes[type].from(Array.from(data, Number));
  }
}

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
};
