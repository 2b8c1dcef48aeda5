import { describe, expect, test } from 'vitest';
import { ModelFormatError } from '../../../engine/errors.ts';
import { ProtobufReader } from '../../../loader/onnx/protobuf.ts';
import { ProtobufWriter, tag, varint } from '../../support/protobuf-writer.ts';

/** A reader at the first field of a message. */
function readerOf(message: ProtobufWriter): ProtobufReader {
  const reader = new ProtobufReader(message.finish(), 'test');
  reader.next();
  return reader;
}

function intsOf(message: ProtobufWriter): number[] {
  const values: number[] = [];
  readerOf(message).ints((value) => values.push(value));
  return values;
}

describe('numbers', () => {
  test.each([
    [0n, 0],
    [127n, 127],
    [128n, 128],
    [2n ** 28n, 2 ** 28],
    [2n ** 32n - 1n, 2 ** 32 - 1],
    [2n ** 35n + 5n, 2 ** 35 + 5],
    [2n ** 53n, 2 ** 53],
    [2n ** 53n + 2n, 2 ** 53],
    [2n ** 63n - 1n, 2 ** 53],
    [-1n, -1],
    [-(2n ** 31n), -(2 ** 31)],
    [-(2n ** 40n), -(2 ** 40)],
    [-(2n ** 53n), -(2 ** 53)],
    [-(2n ** 63n), -(2 ** 53)],
  ])('%d reads as %d', (written, read) => {
    expect(readerOf(new ProtobufWriter().int(1, written)).int()).toBe(read);
    expect(intsOf(new ProtobufWriter().packedInts(1, [written, 1]))).toEqual([read, 1]);
    expect(intsOf(new ProtobufWriter().int(1, written))).toEqual([read]);
  });

  test('int64s gives every bit in halves', () => {
    const halves: number[][] = [];
    const values = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n, -1n];
    readerOf(new ProtobufWriter().packedInts(1, values)).int64s((low, high) => halves.push([low, high]));
    expect(halves).toEqual([
      [0xffff_ffff, 0x7fff_ffff],
      [0, 0x8000_0000],
      [0x8000_0000, 0],
      [0xffff_ffff, 0xffff_ffff],
    ]);
  });

  test('floats, packed and not', () => {
    const packed = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    const values: number[] = [];
    readerOf(new ProtobufWriter().bytes(1, packed)).floats((value) => values.push(value));
    readerOf(new ProtobufWriter().float(1, 0.25)).floats((value) => values.push(value));
    expect(values).toEqual([1.5, -2, 0.25]);
    expect(readerOf(new ProtobufWriter().float(1, 0.5)).float()).toBe(0.5);
  });

  test('a longer encoding than needed is allowed, up to ten bytes', () => {
    const padded = Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00);
    expect(readerOf(new ProtobufWriter().raw(tag(1, 0), padded)).int()).toBe(5);
  });
});

test('strings keep every character, a byte order mark included', () => {
  const text = '\ufeff名前 🙂';
  expect(readerOf(new ProtobufWriter().string(1, text)).string()).toBe(text);
});

test('bytes are a view of the file', () => {
  const file = new ProtobufWriter().bytes(3, Uint8Array.of(1, 2, 3)).finish();
  const reader = new ProtobufReader(file, 'test');
  reader.next();
  const bytes = reader.byteString();
  expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
  expect(bytes.buffer).toBe(file.buffer);
});

test('fields of every kind are skipped', () => {
  const message = new ProtobufWriter()
    .int(1, -1)
    .double(2, 0.5)
    .string(3, 'text')
    .float(4, 0.5)
    .int(2 ** 29 - 1, 7);
  const reader = new ProtobufReader(message.finish(), 'test');
  const fields: number[] = [];
  while (reader.next()) {
    fields.push(reader.field);
    if (fields.length < 5) reader.skip();
    else expect(reader.int()).toBe(7);
  }
  expect(fields).toEqual([1, 2, 3, 4, 2 ** 29 - 1]);
});

describe('what is refused', () => {
  const readAll = (...chunks: Uint8Array[]) => {
    const reader = new ProtobufReader(new ProtobufWriter().raw(...chunks).finish(), 'test');
    while (reader.next()) reader.skip();
  };

  test.each<[string, Uint8Array[], string]>([
    ['a number without an end', [tag(1, 0), Uint8Array.of(0x80)], 'cut off'],
    ['a number of eleven bytes', [tag(1, 0), new Uint8Array(11).fill(0x80)], 'more than ten bytes'],
    ['a length beyond the end', [tag(1, 2), varint(3), Uint8Array.of(1, 2)], '3 bytes are claimed where 2 are left'],
    ['a length of 2^64 - 1', [tag(1, 2), varint(-1)], 'are claimed where 0 are left'],
    ['half a float', [tag(1, 5), Uint8Array.of(0, 0)], '4 bytes are claimed where 2 are left'],
    ['half a double', [tag(1, 1), Uint8Array.of(0, 0, 0, 0)], '8 bytes are claimed where 4 are left'],
    ['a group', [tag(1, 3), tag(1, 4)], 'wire type 3'],
    ['the end of a group', [tag(1, 4)], 'wire type 4'],
    ['an unknown wire type', [tag(1, 7)], 'wire type 7'],
    ['field number 0', [tag(0, 0), varint(1)], 'out of range'],
    ['a field number beyond 2^29', [varint(2n ** 33n), varint(1)], 'out of range'],
  ])('%s', (_, chunks, message) => {
    expect(() => readAll(...chunks)).toThrow(ModelFormatError);
    expect(() => readAll(...chunks)).toThrow(message);
  });

  test('a value of another wire type than the field has', () => {
    const number = () => readerOf(new ProtobufWriter().int(1, 1));
    const text = () => readerOf(new ProtobufWriter().string(1, 'a'));
    expect(() => number().string()).toThrow(ModelFormatError);
    expect(() => number().message()).toThrow(ModelFormatError);
    expect(() => number().float()).toThrow(ModelFormatError);
    expect(() => number().fixed(4)).toThrow(ModelFormatError);
    expect(() => text().int()).toThrow(ModelFormatError);
    expect(() => text().fixed(4)).toThrow('1 bytes are no whole number of 4-byte elements');
  });

  test('a string that is not UTF-8', () => {
    expect(() => readerOf(new ProtobufWriter().bytes(1, Uint8Array.of(0xc3))).string()).toThrow('not UTF-8');
  });

  test('a number that reaches over the end of its packed field', () => {
    const message = new ProtobufWriter().bytes(1, Uint8Array.of(1, 0x80)).int(2, 1);
    expect(() => intsOf(message)).toThrow('cut off');
  });
});
