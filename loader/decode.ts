/**
 * The elements of stored tensors. Files are little endian, and so is every machine that runs WebGPU: the bytes are
 * reinterpreted where they lie.
 */
import { ModelFormatError, quote } from '../engine/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../engine/half.ts';
import type { StoredTensor, StoredType } from './model-file.ts';

const elementBytes: Readonly<Record<StoredType, 1 | 2 | 4 | 8>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

export function bytesPerStoredElement(type: StoredType): 1 | 2 | 4 | 8 {
  return elementBytes[type];
}

/** Whether the elements are signed or unsigned integers. Booleans are not. */
export function isIntegerType(type: StoredType): boolean {
  return type.startsWith('int') || type.startsWith('uint');
}

/**
 * The number of elements that dimensions state. Infinity where it is beyond any file; NaN never: an empty dimension
 * makes the product 0, whatever the others are.
 */
export function elementCount(dims: readonly number[]): number {
  return dims.includes(0) ? 0 : dims.reduce((product, dim) => product * dim, 1);
}

/**
 * The elements as float32, whatever their type; integers beyond 2^24 and float64 round to nearest, booleans are 0 and 1.
 * May be a view of the file's own bytes: don't write to it.
 */
export function decodeFloats(tensor: StoredTensor): Float32Array {
  const { bytes } = tensor;
  switch (tensor.type) {
    case 'float32':
      return reinterpret(bytes, Float32Array);
    case 'float64':
      return Float32Array.from(reinterpret(bytes, Float64Array));
    case 'float16':
      return float16ToFloat32(reinterpret(bytes, Uint16Array));
    case 'bfloat16':
      return bfloat16ToFloat32(reinterpret(bytes, Uint16Array));
    case 'int64': {
      const halves = reinterpret(bytes, Int32Array);
      return fill(new Float32Array(bytes.length / 8), (i) => halves[2 * i + 1] * 2 ** 32 + (halves[2 * i] >>> 0));
    }
    case 'uint64': {
      const halves = reinterpret(bytes, Uint32Array);
      return fill(new Float32Array(bytes.length / 8), (i) => halves[2 * i + 1] * 2 ** 32 + halves[2 * i]);
    }
    default:
      return new Float32Array(smallIntegers(tensor.type, bytes));
  }
}

/**
 * The elements as int32; 32- and 64-bit integers beyond its range saturate, booleans are 0 and 1. May be a view of the
 * file's own bytes: don't write to it. A float tensor is a `ModelFormatError`: it stands where integers belong.
 */
export function decodeIntegers(tensor: StoredTensor): Int32Array {
  const { name, type, bytes } = tensor;
  switch (type) {
    case 'float32':
    case 'float64':
    case 'float16':
    case 'bfloat16':
      throw new ModelFormatError(`tensor ${quote(name)} is ${type} where integers are needed`);
    case 'int32':
      return reinterpret(bytes, Int32Array);
    case 'uint32': {
      const values = reinterpret(bytes, Uint32Array);
      return fill(new Int32Array(values.length), (i) => Math.min(values[i], INT32_MAX));
    }
    case 'int64': {
      const halves = reinterpret(bytes, Int32Array);
      return fill(new Int32Array(bytes.length / 8), (i) => {
        const low = halves[2 * i];
        const high = halves[2 * i + 1];
        if (high === low >> 31) return low;
        return high < 0 ? INT32_MIN : INT32_MAX;
      });
    }
    case 'uint64': {
      const halves = reinterpret(bytes, Uint32Array);
      return fill(new Int32Array(bytes.length / 8), (i) =>
        halves[2 * i + 1] === 0 ? Math.min(halves[2 * i], INT32_MAX) : INT32_MAX,
      );
    }
    default:
      return new Int32Array(smallIntegers(type, bytes));
  }
}

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);

type SmallInteger = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'bool';

/** The types whose elements JavaScript has an array for. */
function smallIntegers(type: SmallInteger, bytes: Uint8Array): ArrayLike<number> {
  switch (type) {
    case 'int8':
      return reinterpret(bytes, Int8Array);
    case 'uint8':
      return bytes;
    case 'int16':
      return reinterpret(bytes, Int16Array);
    case 'uint16':
      return reinterpret(bytes, Uint16Array);
    case 'int32':
      return reinterpret(bytes, Int32Array);
    case 'uint32':
      return reinterpret(bytes, Uint32Array);
    case 'bool':
      return bytes.map((byte) => (byte === 0 ? 0 : 1));
  }
}

interface ElementArray<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** A view of the same bytes, or of a copy where they don't begin at a multiple of the element size. */
function reinterpret<T>(bytes: Uint8Array, ArrayType: ElementArray<T>): T {
  const size = ArrayType.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new ArrayType(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

function fill<T extends Float32Array | Int32Array>(array: T, element: (index: number) => number): T {
  for (let i = 0; i < array.length; i++) array[i] = element(i);
  return array;
}
