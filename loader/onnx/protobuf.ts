import { ModelFormatError } from '../../engine/errors.ts';

/** How a field's value is encoded, from the low three bits of its tag. 3 and 4 are the long abandoned groups. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, `undefined` where they are none. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Reads one protocol buffer message, field by field, from the bytes where they lie:
 *
 *     while (reader.next()) {
 *       if (reader.field === 1) name = reader.string();
 *       else reader.skip();
 *     }
 *
 * Every field must be read or skipped. A submessage is a reader of its own; nothing here recurses, so the depth is that
 * of the caller's code. Every length is checked against the bytes that are there, and every error is a
 * `ModelFormatError` with the offset in the file.
 */
export class ProtobufReader {
  readonly source: string;
  /** The current field's number. */
  field = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly start: number;
  private readonly end: number;
  private position: number;
  private wireType = 0;
  /** The varint read last: two unsigned 32-bit halves. */
  private low = 0;
  private high = 0;

  constructor(bytes: Uint8Array, source: string, start = 0, end = bytes.length, view?: DataView) {
    this.bytes = bytes;
    this.view = view ?? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.source = source;
    this.start = start;
    this.end = end;
    this.position = start;
  }

  /** Goes to the next field; false at the end of the message. */
  next(): boolean {
    if (this.position === this.end) return false;
    this.readVarint();
    this.field = this.low >>> 3;
    this.wireType = this.low & 7;
    if (this.high !== 0 || this.field === 0) this.fail('a field number is out of range');
    return true;
  }

  /** A reader of the same message from its beginning. */
  restart(): ProtobufReader {
    return new ProtobufReader(this.bytes, this.source, this.start, this.end, this.view);
  }

  skip(): void {
    switch (this.wireType) {
      case VARINT:
        this.readVarint();
        break;
      case FIXED64:
        this.advance(8);
        break;
      case LENGTH_DELIMITED:
        this.advance(this.readLength());
        break;
      case FIXED32:
        this.advance(4);
        break;
      default:
        this.fail(`wire type ${this.wireType} is not supported`);
    }
  }

  /** A submessage, to be read by the reader that this returns. */
  message(): ProtobufReader {
    this.expect(LENGTH_DELIMITED);
    const length = this.readLength();
    const start = this.advance(length);
    return new ProtobufReader(this.bytes, this.source, start, start + length, this.view);
  }

  /** A view of a bytes field. */
  byteString(): Uint8Array {
    this.expect(LENGTH_DELIMITED);
    const length = this.readLength();
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** A string field, which must be UTF-8. */
  string(): string {
    return decodeText(this.byteString()) ?? this.fail('a string is not UTF-8');
  }

  /** An int32, int64 or enum. Exact within ±2^53; larger values saturate there. */
  int(): number {
    this.expect(VARINT);
    return this.readInt();
  }

  float(): number {
    this.expect(FIXED32);
    return this.view.getFloat32(this.advance(4), true);
  }

  /** Calls back with each element of a repeated integer field's occurrence, packed or not; values as `int` has them. */
  ints(each: (value: number) => void): void {
    if (this.wireType !== LENGTH_DELIMITED) {
      each(this.int());
      return;
    }
    const packed = this.message();
    while (packed.position < packed.end) each(packed.readInt());
  }

  /** Calls back with each element of a repeated float field's occurrence, packed or not. */
  floats(each: (value: number) => void): void {
    const part = this.fixed(4);
    const start = part.byteOffset - this.view.byteOffset;
    for (let offset = 0; offset < part.length; offset += 4) each(this.view.getFloat32(start + offset, true));
  }

  /** As `ints`, with the 64 bits of each element as two unsigned halves: exact for every value. */
  int64s(each: (low: number, high: number) => void): void {
    if (this.wireType !== LENGTH_DELIMITED) {
      this.expect(VARINT);
      this.readVarint();
      each(this.low, this.high);
      return;
    }
    const packed = this.message();
    while (packed.position < packed.end) {
      packed.readVarint();
      each(packed.low, packed.high);
    }
  }

  /** The little-endian bytes of a repeated float (4) or double (8) field's occurrence, packed or not: a view. */
  fixed(bytesPerElement: 4 | 8): Uint8Array {
    if (this.wireType === LENGTH_DELIMITED) {
      const packed = this.byteString();
      if (packed.length % bytesPerElement !== 0) {
        this.fail(`${packed.length} bytes are no whole number of ${bytesPerElement}-byte elements`);
      }
      return packed;
    }
    this.expect(bytesPerElement === 4 ? FIXED32 : FIXED64);
    const start = this.advance(bytesPerElement);
    return this.bytes.subarray(start, start + bytesPerElement);
  }

  /** Throws, with the place in the file. */
  fail(problem: string): never {
    throw new ModelFormatError(
      `${this.source}: ${problem} (field ${this.field} near byte ${this.position}); the file is damaged or not ONNX`,
    );
  }

  private expect(wireType: number): void {
    if (this.wireType !== wireType) this.fail(`wire type ${this.wireType} where ${wireType} belongs`);
  }

  /** Moves on by `length` bytes and returns where they begin. */
  private advance(length: number): number {
    const start = this.position;
    if (length > this.end - start) this.fail(`${length} bytes are claimed where ${this.end - start} are left`);
    this.position = start + length;
    return start;
  }

  private readLength(): number {
    this.readVarint();
    return this.high * 2 ** 32 + this.low;
  }

  private readInt(): number {
    this.readVarint();
    const value = (this.high | 0) * 2 ** 32 + this.low;
    return Math.max(-(2 ** 53), Math.min(2 ** 53, value));
  }

  private readVarint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (this.position === this.end) this.fail('a number is cut off');
      if (shift > 63) this.fail('a number has more than ten bytes');
      const byte = this.bytes[this.position++];
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) break;
    }
    this.low = low >>> 0;
    this.high = high >>> 0;
  }
}
