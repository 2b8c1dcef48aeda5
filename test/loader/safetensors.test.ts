import { describe, expect, test } from 'vitest';
import { InvalidArgumentError, ModelFormatError, UnsupportedModelError } from '../../engine/errors.ts';
import { decodeFloats } from '../../loader/decode.ts';
import type { StoredType } from '../../loader/model-file.ts';
import { parseSafetensors, writeSafetensors } from '../../loader/safetensors.ts';
import { concatBytes } from '../support/protobuf-writer.ts';
import { storeTensor } from '../support/tensor-bytes.ts';

const types: StoredType[] = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];
const tensors = types.map((type) => storeTensor({ name: `a.${type}`, type, dims: [3, 1], data: [1, 0, 1] }));
const metadata = new Map([
  ['stride', '32'],
  ['graph', '{"nodes":[]}'],
]);

/** A file with this header, which may be any text, and this much data. */
function fileOf(header: unknown, dataLength = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(BigUint64Array.of(BigInt(json.length)).buffer);
  return concatBytes([length, json, new Uint8Array(dataLength)]);
}

function entry(dtype: string, shape: unknown, begin: unknown, end: unknown): unknown {
  return { dtype, shape, data_offsets: [begin, end] };
}

describe('a written file', () => {
  test('reads back, every type, metadata, empty tensors and scalars', () => {
    const scalar = storeTensor({ name: 'scalar', type: 'float32', dims: [], data: [0.5] });
    const empty = storeTensor({ name: 'empty', type: 'int64', dims: [4, 0], data: [] });
    const written = [...tensors, scalar, empty];
    const file = parseSafetensors(writeSafetensors(written, metadata), 'test');
    expect(file.format).toBe('safetensors');
    expect(file.source).toBe('test');
    expect(file.metadata).toEqual(metadata);
    expect(file.tensors.size).toBe(written.length);
    for (const tensor of written) expect(file.tensors.get(tensor.name)).toEqual(tensor);
  });

  test('begins each tensor at a multiple of its element size, so that float32 needs no copy', () => {
    const bytes = writeSafetensors(tensors, metadata);
    const tensor = parseSafetensors(bytes, 'test').tensors.get('a.float32');
    expect(tensor && decodeFloats(tensor).buffer).toBe(bytes.buffer);
  });

  test('does not depend on the order of its tensors', () => {
    expect(writeSafetensors(tensors.toReversed(), metadata)).toEqual(writeSafetensors(tensors, metadata));
  });

  test('has exactly the bytes that the format states', () => {
    const file = writeSafetensors([storeTensor({ name: 'w', type: 'int16', dims: [2], data: [1, -2] })]);
    const header = '{"w":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}';
    const padded = new TextEncoder().encode(header.padEnd(56));
    expect(file).toEqual(concatBytes([Uint8Array.of(56, 0, 0, 0, 0, 0, 0, 0), padded, Uint8Array.of(1, 0, 254, 255)]));
  });

  test('has no two tensors of one name, and none named as the metadata', () => {
    expect(() => writeSafetensors([tensors[0], tensors[0]])).toThrow(InvalidArgumentError);
    expect(() => writeSafetensors([{ ...tensors[0], name: '__metadata__' }])).toThrow(InvalidArgumentError);
  });
});

describe('a file from elsewhere', () => {
  test('may state its tensors in any order', () => {
    const file = fileOf({ b: entry('U8', [2], 4, 6), a: entry('F32', [1], 0, 4), c: entry('F32', [0], 4, 4) }, 6);
    expect([...parseSafetensors(file, 'test').tensors.keys()]).toEqual(['b', 'a', 'c']);
  });

  test('may have no tensors', () => {
    expect(parseSafetensors(fileOf({ __metadata__: { a: 'b' } }), 'test').metadata).toEqual(new Map([['a', 'b']]));
  });

  test.each<[string, Uint8Array, string]>([
    ['seven bytes', new Uint8Array(7), 'too few'],
    ['a header beyond the end', fileOf('{}').with(0, 3), 'claims a safetensors header of 3 bytes where 2 follow'],
    ['a header of 2^63 bytes', fileOf('{}').with(7, 0x80), 'claims a safetensors header'],
    ['no JSON', fileOf('{"a":'), 'not JSON'],
    ['no UTF-8', concatBytes([Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(0xff)]), 'not JSON'],
    ['a JSON list', fileOf([]), 'no JSON object'],
    ['a JSON null', fileOf('null'), 'no JSON object'],
    ['a tensor that is no object', fileOf({ w: 1 }), 'tensor "w" has no valid'],
    ['a tensor without a shape', fileOf({ w: entry('F32', undefined, 0, 4) }, 4), 'tensor "w" has no valid'],
    ['a negative dimension', fileOf({ w: entry('F32', [-1], 0, 4) }, 4), 'tensor "w" has no valid'],
    ['33 dimensions', fileOf({ w: entry('F32', Array(33).fill(1), 0, 4) }, 4), 'tensor "w" has no valid'],
    ['a fractional dimension', fileOf({ w: entry('F32', [0.5], 0, 4) }, 4), 'tensor "w" has no valid'],
    ['an end before the beginning', fileOf({ w: entry('F32', [1], 4, 0) }, 4), 'tensor "w" has no valid'],
    ['an offset that is no number', fileOf({ w: entry('F32', [1], '0', 4) }, 4), 'tensor "w" has no valid'],
    ['too few bytes for the shape', fileOf({ w: entry('F32', [2], 0, 4) }, 4), 'needs 8 bytes but stores 4'],
    ['a shape beyond all numbers', fileOf({ w: entry('F32', Array(30).fill(1e15), 0, 4) }, 4), 'needs Infinity bytes'],
    ['a tensor beyond the end', fileOf({ w: entry('F32', [2], 0, 8) }, 4), '"w" lies at bytes 0 to 8'],
    ['an overlap', fileOf({ v: entry('U8', [4], 0, 4), w: entry('U8', [4], 2, 6) }, 6), '"w" lies at bytes 2 to 6'],
    ['a gap', fileOf({ v: entry('U8', [2], 0, 2), w: entry('U8', [2], 4, 6) }, 6), '"w" lies at bytes 4 to 6'],
    ['bytes after the last tensor', fileOf({ w: entry('U8', [2], 0, 2) }, 5), '3 bytes after its last tensor'],
    ['metadata that is a list', fileOf({ __metadata__: [] }), '__metadata__'],
    ['metadata that is a number', fileOf({ __metadata__: { stride: 32 } }), 'metadata "stride" is no string'],
  ])('with %s is refused', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'test')).toThrow(ModelFormatError);
    expect(() => parseSafetensors(bytes, 'test')).toThrow(message);
  });

  test('with unsupported types is refused naming them all', () => {
    const file = fileOf({ a: entry('F8_E4M3', [1], 0, 1), b: entry('F4', [2], 1, 2), c: entry('U8', [1], 2, 3) }, 3);
    let thrown: unknown;
    try {
      parseSafetensors(file, 'test');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UnsupportedModelError);
    expect((thrown as UnsupportedModelError).features.map(({ node, reason }) => [node, reason])).toEqual([
      ['a', 'its type "F8_E4M3" is not supported'],
      ['b', 'its type "F4" is not supported'],
    ]);
  });

  test('cut off anywhere is refused', () => {
    const whole = writeSafetensors(tensors, metadata);
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSafetensors(whole.subarray(0, length), 'test')).toThrow(ModelFormatError);
    }
  });
});
