import { describe, expect, test } from 'vitest';
import { ModelFormatError } from '../../engine/errors.ts';
import {
  bytesPerStoredElement,
  decodeFloats,
  decodeIntegers,
  elementCount,
  isIntegerType,
} from '../../loader/decode.ts';
import type { StoredTensor, StoredType } from '../../loader/model-file.ts';
import { storeTensor } from '../support/tensor-bytes.ts';

const LARGEST = 2 ** 31 - 1;
const SMALLEST = -(2 ** 31);

function stored(type: StoredType, ...data: (number | bigint)[]): StoredTensor {
  return storeTensor({ name: 't', type, dims: [data.length], data });
}

/** The same tensor with its bytes at an odd offset, as ONNX files have them. */
function misaligned(tensor: StoredTensor): StoredTensor {
  const bytes = new Uint8Array(tensor.bytes.length + 1);
  bytes.set(tensor.bytes, 1);
  return { ...tensor, bytes: bytes.subarray(1) };
}

const floatCases: [StoredTensor, number[]][] = [
  [stored('float32', 1.5, -0.25, 3e38), [1.5, -0.25, Math.fround(3e38)]],
  [stored('float64', 1.5, 0.1, 1e300), [1.5, Math.fround(0.1), Number.POSITIVE_INFINITY]],
  [stored('float16', 1.5, 65504, 2 ** -24, -0.5), [1.5, 65504, 2 ** -24, -0.5]],
  [stored('bfloat16', 1.5, -2, 2 ** 100), [1.5, -2, 2 ** 100]],
  [stored('int8', -128, 0, 127), [-128, 0, 127]],
  [stored('uint8', 0, 255), [0, 255]],
  [stored('int16', -32768, 32767), [-32768, 32767]],
  [stored('uint16', 65535), [65535]],
  [stored('int32', SMALLEST, -1, 5), [SMALLEST, -1, 5]],
  [stored('uint32', 2 ** 32 - 2 ** 8), [2 ** 32 - 2 ** 8]],
  [stored('int64', -1, 2n ** 40n, -(2n ** 63n)), [-1, 2 ** 40, -(2 ** 63)]],
  [stored('uint64', 1, 2n ** 63n), [1, 2 ** 63]],
  [stored('bool', 0, 1, 7), [0, 1, 1]],
];

const integerCases: [StoredTensor, number[]][] = [
  [stored('int8', -128, 127), [-128, 127]],
  [stored('uint8', 0, 255), [0, 255]],
  [stored('int16', -32768, 32767), [-32768, 32767]],
  [stored('uint16', 65535), [65535]],
  [stored('int32', SMALLEST, LARGEST), [SMALLEST, LARGEST]],
  [stored('uint32', 7, LARGEST, 2 ** 31, 2 ** 32 - 1), [7, LARGEST, LARGEST, LARGEST]],
  [
    stored('int64', 0, -1, LARGEST, SMALLEST, 2 ** 31, SMALLEST - 1, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n),
    [0, -1, LARGEST, SMALLEST, LARGEST, SMALLEST, LARGEST, SMALLEST, LARGEST],
  ],
  [stored('uint64', 3, LARGEST, 2 ** 31, 2n ** 64n - 1n), [3, LARGEST, LARGEST, LARGEST]],
  [stored('bool', 0, 1, 255), [0, 1, 1]],
];

describe('decodeFloats', () => {
  test.each(floatCases.map(([tensor, values]) => [tensor.type, tensor, values] as const))('%s', (_, tensor, values) => {
    expect(decodeFloats(tensor)).toEqual(Float32Array.from(values));
    expect(decodeFloats(misaligned(tensor))).toEqual(Float32Array.from(values));
  });

  test('float32 at an aligned place is a view, not a copy', () => {
    const tensor = stored('float32', 1, 2);
    expect(decodeFloats(tensor).buffer).toBe(tensor.bytes.buffer);
  });

  test("Node's Buffer, whose slice is no copy, decodes at odd offsets too", () => {
    const { bytes, ...tensor } = misaligned(stored('float32', 1.25, 2.5));
    expect(decodeFloats({ ...tensor, bytes: Buffer.from(bytes.buffer, 1) })).toEqual(Float32Array.of(1.25, 2.5));
  });
});

describe('decodeIntegers', () => {
  test.each(integerCases.map(([tensor, values]) => [tensor.type, tensor, values] as const))(
    '%s saturates at 32 bits',
    (_, tensor, values) => {
      expect(decodeIntegers(tensor)).toEqual(Int32Array.from(values));
      expect(decodeIntegers(misaligned(tensor))).toEqual(Int32Array.from(values));
    },
  );

  test.each(['float32', 'float64', 'float16', 'bfloat16'] as const)('%s is refused by name', (type) => {
    expect(() => decodeIntegers(stored(type, 1))).toThrow(ModelFormatError);
    expect(() => decodeIntegers(stored(type, 1))).toThrow(`tensor "t" is ${type}`);
  });
});

test('an empty tensor decodes to nothing', () => {
  expect(decodeFloats(stored('float16'))).toEqual(new Float32Array());
  expect(decodeIntegers(stored('int64'))).toEqual(new Int32Array());
});

test('bytesPerStoredElement and isIntegerType', () => {
  const types: StoredType[] = ['float64', 'uint64', 'float32', 'int32', 'bfloat16', 'uint16', 'int8', 'bool'];
  expect(types.map(bytesPerStoredElement)).toEqual([8, 8, 4, 4, 2, 2, 1, 1]);
  expect(types.map(isIntegerType)).toEqual([false, true, false, true, false, true, true, false]);
});

test('elementCount', () => {
  expect(elementCount([])).toBe(1);
  expect(elementCount([2, 3, 4])).toBe(24);
  expect(elementCount([2 ** 53, 0, 2 ** 53])).toBe(0);
  expect(elementCount(Array(40).fill(2 ** 53))).toBe(Number.POSITIVE_INFINITY);
});
