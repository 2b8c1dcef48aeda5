import { describe, expect, test } from 'vitest';
import { ModelFormatError, UnsupportedModelError } from '../../../engine/errors.ts';
import { numberToFloat16 } from '../../../engine/half.ts';
import type { StoredTensor, StoredType } from '../../../loader/model-file.ts';
import type { ExternalFiles } from '../../../loader/onnx/context.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import { dataTypes, graphMessage, wrapGraph } from '../../support/onnx-writer.ts';
import { concatBytes, ProtobufWriter, varint } from '../../support/protobuf-writer.ts';
import { storeTensor } from '../../support/tensor-bytes.ts';

const FLOAT_DATA = 4;
const INT32_DATA = 5;
const INT64_DATA = 7;
const RAW_DATA = 9;
const DOUBLE_DATA = 10;
const UINT64_DATA = 11;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;

/** A model of one node, whose first initializer is this message. */
function modelWith(tensor: ProtobufWriter): Uint8Array {
  const value = { name: 'x', type: 'float32', dims: [1] } as const;
  const graph = graphMessage({
    nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [value],
    outputs: [{ ...value, name: 'y' }],
  });
  return wrapGraph(graph.message(5, tensor)).finish();
}

/** A tensor of this type (or type code) and shape, named w, without its data. */
function tensorHead(type: StoredType | number, ...dims: (number | bigint)[]): ProtobufWriter {
  return new ProtobufWriter()
    .packedInts(1, dims)
    .int(2, typeof type === 'number' ? type : dataTypes[type])
    .string(8, 'w');
}

function read(tensor: ProtobufWriter, external?: ExternalFiles): StoredTensor | undefined {
  return parseOnnx(modelWith(tensor), 'test', { external }).tensors.get('w');
}

const everyType: [StoredType, (number | bigint)[]][] = [
  ['float32', [1.5, -2, 3e38]],
  ['float64', [1.5, 0.1, -1e300]],
  ['float16', [1.5, -65504, 2 ** -24]],
  ['bfloat16', [1.5, -2, 2 ** 100]],
  ['int8', [-128, 0, 127]],
  ['uint8', [0, 1, 255]],
  ['int16', [-32768, 0, 32767]],
  ['uint16', [0, 1, 65535]],
  ['int32', [-(2 ** 31), -1, 2 ** 31 - 1]],
  ['uint32', [0, 1, 2 ** 32 - 1]],
  ['int64', [-(2n ** 63n), -1n, 2n ** 63n - 1n]],
  ['uint64', [0n, 1n, 2n ** 64n - 1n]],
  ['bool', [0, 1, 1]],
];

describe('raw data', () => {
  test.each(everyType)('%s', (type, data) => {
    const expected = storeTensor({ name: 'w', type, dims: [3, 1], data });
    expect(read(tensorHead(type, 3, 1).bytes(RAW_DATA, expected.bytes))).toEqual(expected);
  });

  test('is a view of the file', () => {
    const file = modelWith(tensorHead('float32', 2).bytes(RAW_DATA, new Uint8Array(8)));
    expect(parseOnnx(file, 'test').tensors.get('w')?.bytes.buffer).toBe(file.buffer);
  });

  test('of an empty tensor and of a scalar', () => {
    expect(read(tensorHead('int64', 0).bytes(RAW_DATA, new Uint8Array()))?.bytes.length).toBe(0);
    expect(read(tensorHead('int64', 0))).toEqual({ name: 'w', type: 'int64', dims: [0], bytes: new Uint8Array() });
    expect(read(tensorHead('int8').bytes(RAW_DATA, Uint8Array.of(7)))?.dims).toEqual([]);
  });

  test('dimensions may be packed or not', () => {
    const unpacked = new ProtobufWriter().int(1, 2).int(1, 3).int(2, dataTypes.int8).string(8, 'w');
    expect(read(unpacked.bytes(RAW_DATA, new Uint8Array(6)))?.dims).toEqual([2, 3]);
  });
});

/** The field and the integers that carry each type's elements, where they aren't raw. */
const typedInts: [StoredType, number, (number | bigint)[], (number | bigint)[]][] = everyType
  .filter(([type]) => type !== 'float32' && type !== 'float64')
  .map(([type, data]) => {
    if (type === 'int64') return [type, INT64_DATA, data, data];
    if (type === 'uint64' || type === 'uint32') return [type, UINT64_DATA, data, data];
    if (type === 'float16') return [type, INT32_DATA, data, data.map((value) => numberToFloat16(Number(value)))];
    if (type === 'bfloat16') return [type, INT32_DATA, data, [0x3fc0, 0xc000, 0x7180]];
    return [type, INT32_DATA, data, data];
  });

describe('typed data', () => {
  test.each(typedInts)('%s in field %d, packed, not packed, and in parts', (type, field, data, written) => {
    const expected = storeTensor({ name: 'w', type, dims: [3], data });
    const [first, second, third] = written;
    const packed = tensorHead(type, 3).packedInts(field, written);
    const unpacked = tensorHead(type, 3).int(field, first).int(field, second).int(field, third);
    const inParts = tensorHead(type, 3).packedInts(field, [first]).packedInts(field, []).packedInts(field, [second]);
    for (const tensor of [packed, unpacked, inParts.int(field, third)]) {
      expect(read(tensor)?.bytes).toEqual(expected.bytes);
    }
  });

  test('float32 in field 4, packed as a view, not packed, and in parts', () => {
    const bytes = new Uint8Array(Float32Array.of(1.5, -2, 0.25).buffer);
    const file = modelWith(tensorHead('float32', 3).bytes(FLOAT_DATA, bytes));
    const view = parseOnnx(file, 'test').tensors.get('w')?.bytes;
    expect(view).toEqual(bytes);
    expect(view?.buffer).toBe(file.buffer);
    const unpacked = tensorHead('float32', 3).float(FLOAT_DATA, 1.5).float(FLOAT_DATA, -2).float(FLOAT_DATA, 0.25);
    expect(read(unpacked)?.bytes).toEqual(bytes);
    const inParts = tensorHead('float32', 3).bytes(FLOAT_DATA, bytes.subarray(0, 8)).float(FLOAT_DATA, 0.25);
    expect(read(inParts)?.bytes).toEqual(bytes);
  });

  test('float64 in field 10, packed and not', () => {
    const bytes = new Uint8Array(Float64Array.of(0.1, -1e300).buffer);
    expect(read(tensorHead('float64', 2).bytes(DOUBLE_DATA, bytes))?.bytes).toEqual(bytes);
    expect(read(tensorHead('float64', 2).double(DOUBLE_DATA, 0.1).double(DOUBLE_DATA, -1e300))?.bytes).toEqual(bytes);
  });

  test('is decoded once', () => {
    const tensor = read(tensorHead('int64', 1).packedInts(INT64_DATA, [1]));
    expect(tensor?.bytes).toBe(tensor?.bytes);
  });

  test.each<[StoredType, number, number]>([
    ['int8', INT32_DATA, 128],
    ['int8', INT32_DATA, -129],
    ['uint8', INT32_DATA, -1],
    ['uint16', INT32_DATA, 65536],
    ['float16', INT32_DATA, 65536],
    ['bool', INT32_DATA, 2],
    ['int32', INT32_DATA, 2 ** 31],
    ['uint32', UINT64_DATA, 2 ** 32],
  ])('%s in field %d can not hold %d', (type, field, element) => {
    const tensor = tensorHead(type, 1).packedInts(field, [element]);
    expect(() => read(tensor)).toThrow(ModelFormatError);
    expect(() => read(tensor)).toThrow(`tensor "w" of ${type} has an element ${element}`);
  });
});

describe('data that does not fit is refused', () => {
  test.each<[string, ProtobufWriter, string]>([
    ['too few bytes', tensorHead('float32', 2).bytes(RAW_DATA, new Uint8Array(7)), 'needs 8 bytes but stores 7'],
    ['too many bytes', tensorHead('int8', 2).bytes(RAW_DATA, new Uint8Array(3)), 'needs 2 bytes but stores 3'],
    ['no bytes', tensorHead('int8', 2), 'needs 2 bytes but stores 0'],
    ['too few elements', tensorHead('int64', 3).packedInts(INT64_DATA, [1, 2]), 'needs 24 bytes but stores 16'],
    ['too many floats', tensorHead('float32').bytes(FLOAT_DATA, new Uint8Array(8)), 'needs 4 bytes but stores 8'],
    ["another type's field", tensorHead('float32', 1).packedInts(INT32_DATA, [1]), 'needs 4 bytes but stores 0'],
    ['a negative dimension', tensorHead('int8', -1).bytes(RAW_DATA, new Uint8Array(1)), 'negative dimension in [-1]'],
    ['33 dimensions', tensorHead('int8', ...Array(33).fill(1)), 'more than 32 dimensions'],
    ['2^60 elements', tensorHead('int8', 2 ** 30, 2 ** 30), 'needs 1152921504606847000 bytes but stores 0'],
    ['2^126 elements', tensorHead('int8', 2n ** 63n - 1n, 2n ** 63n - 1n), 'bytes but stores 0'],
    [
      'data stated twice',
      tensorHead('int8', 1).bytes(RAW_DATA, Uint8Array.of(1)).packedInts(INT32_DATA, [1]),
      'in more than one way',
    ],
  ])('%s', (_, tensor, message) => {
    expect(() => read(tensor)).toThrow(ModelFormatError);
    expect(() => read(tensor)).toThrow(message);
  });
});

describe('types that are not read are refused by name', () => {
  test.each([
    [0, 'unknown element type 0'],
    [8, 'string'],
    [14, 'complex64'],
    [15, 'complex128'],
    [17, 'float8e4m3fn'],
    [18, 'float8e4m3fnuz'],
    [19, 'float8e5m2'],
    [20, 'float8e5m2fnuz'],
    [21, 'uint4'],
    [22, 'int4'],
    [23, 'float4e2m1'],
    [24, 'float8e8m0'],
    [25, 'uint2'],
    [26, 'int2'],
    [99, 'unknown element type 99'],
    [-1, 'unknown element type -1'],
  ])('%d: %s', (code, name) => {
    const tensor = tensorHead(code, 1).bytes(RAW_DATA, new Uint8Array(1));
    expect(() => read(tensor)).toThrow(UnsupportedModelError);
    expect(() => read(tensor)).toThrow(`tensor "w" is of ${name}`);
  });

  test('data in segments', () => {
    const tensor = tensorHead('int8', 1).message(3, new ProtobufWriter().int(1, 0).int(2, 1));
    expect(() => read(tensor)).toThrow(UnsupportedModelError);
  });
});

describe('external data', () => {
  const files: ExternalFiles = (location) => ({ 'weights/w.bin': Uint8Array.of(1, 2, 3, 4, 5, 6) })[location];

  function external(entries: Record<string, string>, ...dims: number[]): ProtobufWriter {
    const tensor = tensorHead('int8', ...dims).int(DATA_LOCATION, 1);
    for (const [key, value] of Object.entries(entries)) {
      tensor.message(EXTERNAL_DATA, new ProtobufWriter().string(1, key).string(2, value));
    }
    return tensor;
  }

  test('with offset and length, with neither, and with parts of the path that stay in place', () => {
    const location = 'weights/w.bin';
    expect(read(external({ location, offset: '2', length: '3' }, 3), files)?.bytes).toEqual(Uint8Array.of(3, 4, 5));
    expect(read(external({ location, offset: '2' }, 3), files)?.bytes).toEqual(Uint8Array.of(3, 4, 5));
    expect(read(external({ location }, 6), files)?.bytes).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(read(external({ location: './weights/./w.bin' }, 1), files)?.bytes).toEqual(Uint8Array.of(1));
  });

  test.each<[string, Record<string, string>, number, string]>([
    ['a file that is not there', { location: 'other.bin' }, 1, '"other.bin", which is not there'],
    ['no location', {}, 1, 'not a path inside'],
    ['an absolute path', { location: '/etc/passwd' }, 1, 'not a path inside'],
    ['a parent folder', { location: 'weights/../../w.bin' }, 1, 'not a path inside'],
    ['a backslash', { location: '..\\w.bin' }, 1, 'not a path inside'],
    ['a drive', { location: 'C:w.bin' }, 1, 'not a path inside'],
    ['a URL', { location: 'https://example.org/w.bin' }, 1, 'not a path inside'],
    ['the folder itself', { location: '.' }, 1, 'not a path inside'],
    ['a NUL', { location: 'w.bin\0.txt' }, 1, 'not a path inside'],
    [
      'bytes beyond the end',
      { location: 'weights/w.bin', offset: '4' },
      3,
      'bytes 4 to 7 of "weights/w.bin", which has 6',
    ],
    ['a length that is not the shape', { location: 'weights/w.bin', length: '5' }, 4, 'needs 4 bytes but stores 5'],
    ['a negative offset', { location: 'weights/w.bin', offset: '-1' }, 1, 'offset "-1", which is no number of bytes'],
    ['an offset that is no number', { location: 'weights/w.bin', offset: '1e1' }, 1, 'offset "1e1"'],
    ['an offset of 2^64', { location: 'weights/w.bin', offset: '18446744073709551616' }, 1, 'no number of bytes'],
  ])('%s is refused', (_, entries, elements, message) => {
    expect(() => read(external(entries, elements), files)).toThrow(ModelFormatError);
    expect(() => read(external(entries, elements), files)).toThrow(message);
  });

  test('without a way to read other files is refused', () => {
    expect(() => read(external({ location: 'weights/w.bin' }, 1))).toThrow('which is not there');
  });

  test('beside data in the file itself is refused', () => {
    const tensor = external({ location: 'weights/w.bin' }, 1).bytes(RAW_DATA, Uint8Array.of(1));
    expect(() => read(tensor, files)).toThrow('in more than one way');
  });
});

test('a parse takes no memory for elements encoded one by one', () => {
  const elements = 2 ** 20;
  const data = concatBytes([varint(elements), new Uint8Array(elements).fill(1)]);
  const file = modelWith(tensorHead('int64', elements).raw(varint(INT64_DATA * 8 + 2), data));
  const before = process.memoryUsage().arrayBuffers;
  const tensor = parseOnnx(file, 'test').tensors.get('w');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 16);
  expect(tensor?.bytes.length).toBe(elements * 8);
});
