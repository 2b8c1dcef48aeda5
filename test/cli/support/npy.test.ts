import { describe, expect, it } from 'vitest';
import { parseNpy, writeNpy } from '../../../cli/support/npy.ts';
import type { RawTensor } from '../../../node.ts';

const tensors: readonly RawTensor[] = [
  { type: 'float32', dims: [2, 3], data: Float32Array.of(1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -0) },
  { type: 'float64', dims: [2], data: Float64Array.of(Math.PI, 1e300) },
  { type: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0xfbff, 1) },
  { type: 'int8', dims: [1, 1, 2], data: Int8Array.of(-128, 127) },
  { type: 'uint8', dims: [5], data: Uint8Array.of(0, 1, 2, 3, 255) },
  { type: 'int32', dims: [], data: Int32Array.of(-7) },
  { type: 'int64', dims: [2, 1], data: BigInt64Array.of(-(2n ** 63n), 5n) },
  { type: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
  { type: 'float32', dims: [0, 4], data: new Float32Array(0) },
];

/** The magic, version 1.0 unless told, the header's length and the header. */
function npy(header: string, elements: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const length = version === 1 ? [header.length & 0xff, header.length >> 8] : [header.length, 0, 0, 0];
  return Uint8Array.of(0x93, ...Buffer.from('NUMPY'), version, 0, ...length, ...Buffer.from(header), ...elements);
}

const header = (type: string, shape: string, order = 'False') =>
  `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('npy files', () => {
  it.each(tensors)('come back as they were written: $type $dims', (tensor) => {
    expect(parseNpy(writeNpy(tensor), 'a.npy')).toEqual(tensor);
  });

  it('begin with what NumPy itself writes', () => {
    const file = writeNpy({ type: 'float32', dims: [2], data: Float32Array.of(1, 2) });
    // numpy.save of numpy.array([1, 2], 'float32')
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117);
    expect(Buffer.from(file.subarray(0, 128)).toString('latin1')).toBe(`\x93NUMPY\x01\x00v\x00${text}\n`);
    expect([...file.subarray(128)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it('may lie in a part of a buffer', () => {
    const file = writeNpy(tensors[0]);
    const within = Buffer.concat([Buffer.alloc(3), file, Buffer.alloc(5)]).subarray(3, 3 + file.length);
    expect(parseNpy(within, 'a.npy')).toEqual(tensors[0]);
  });

  it('may state the length of their header in four bytes', () => {
    const file = npy(header('|u1', '(2,)'), Uint8Array.of(3, 4), 2);
    expect(parseNpy(file, 'a.npy')).toEqual({ type: 'uint8', dims: [2], data: Uint8Array.of(3, 4) });
  });

  it.each([
    ['no file of NumPy', new Uint8Array(64), /its first bytes differ/],
    ['a file that ends in its header', npy(header('<f4', '(1,)')).subarray(0, 30), /it ends within its header/],
    ['no header', npy('hello'), /its header has no type or shape/],
    ['an order that is not ours', npy(header('<f4', '(1, 1)', 'True'), new Uint8Array(4)), /column-major/],
    ['a type that is not ours', npy(header('>f4', '(1,)'), new Uint8Array(4)), /its type >f4 is not supported/],
    ['negative sizes', npy(header('<f4', '(-1, -1)'), new Uint8Array(4)), /its shape \(-1, -1\) is no list of sizes/],
    ['too few elements', npy(header('<f4', '(2,)'), new Uint8Array(4)), /4 bytes of elements, its shape needs 8/],
    ['too many elements', npy(header('<f4', '(1,)'), new Uint8Array(8)), /8 bytes of elements, its shape needs 4/],
    ['a shape beyond all memory', npy(header('<f4', '(99999999999, 99999999999)')), /its shape needs 3\.9\d*e\+22/],
  ])('are refused: %s', (_, file, reason) => {
    expect(() => parseNpy(file, 'a.npy')).toThrow(reason);
    expect(() => parseNpy(file, 'a.npy')).toThrow(/^a\.npy is no \.npy file that can be read: /);
  });
});
