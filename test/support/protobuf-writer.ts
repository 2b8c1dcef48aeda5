/** Writes protocol buffer messages, for tests that need a file with exactly these bytes. */
export class ProtobufWriter {
  private readonly chunks: Uint8Array[] = [];

  /** A varint field. Negative numbers take ten bytes, as protobuf's int32 and int64 do. */
  int(field: number, value: number | bigint): this {
    return this.raw(tag(field, 0), varint(value));
  }

  float(field: number, value: number): this {
    return this.raw(tag(field, 5), new Uint8Array(Float32Array.of(value).buffer));
  }

  double(field: number, value: number): this {
    return this.raw(tag(field, 1), new Uint8Array(Float64Array.of(value).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.raw(tag(field, 2), varint(value.length), value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.finish());
  }

  packedInts(field: number, values: Iterable<number | bigint>): this {
    return this.bytes(field, concatBytes(Array.from(values, varint)));
  }

  /** Bytes as they are, well-formed or not. */
  raw(...chunks: Uint8Array[]): this {
    this.chunks.push(...chunks);
    return this;
  }

  finish(): Uint8Array {
    return concatBytes(this.chunks);
  }
}

export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
