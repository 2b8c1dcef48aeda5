import { ModelFormatError } from '../../engine/errors.ts';
import { bytesPerStoredElement } from '../decode.ts';
import type { StoredType } from '../model-file.ts';
import type { ProtobufReader } from './protobuf.ts';

/** How one of TensorProto's typed fields (float_data, int32_data, …) is turned into bytes. */
export interface TypedField {
  /** The bytes that its elements will take, and those bytes themselves where they lie in the file in one piece. */
  measure(message: ProtobufReader, where: string): { byteLength: number; whole?: Uint8Array };
  /** The elements as little-endian bytes, `byteLength` (as measured) of them. */
  decode(message: ProtobufReader, byteLength: number): Uint8Array;
}

const FLOAT_DATA = 4;
const INT32_DATA = 5;
const INT64_DATA = 7;
const DOUBLE_DATA = 10;
const UINT64_DATA = 11;

export const typedFields: ReadonlySet<number> = new Set([FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA]);

/** The field that carries elements of a type. Everything of up to 32 bits but float32 and uint32 shares int32_data. */
export function typedFieldOf(type: StoredType): TypedField {
  switch (type) {
    case 'float32':
      return fixedField(FLOAT_DATA, 4);
    case 'float64':
      return fixedField(DOUBLE_DATA, 8);
    case 'int64':
      return int64Field(INT64_DATA);
    case 'uint64':
      return int64Field(UINT64_DATA);
    case 'uint32':
      return intField(UINT64_DATA, type);
    default:
      return intField(INT32_DATA, type);
  }
}

/** Elements of constant size: the bytes of the field are those of the tensor. */
function fixedField(field: number, bytesPerElement: 4 | 8): TypedField {
  return {
    measure(message) {
      const parts: Uint8Array[] = [];
      let byteLength = 0;
      forEachOccurrence(message, field, () => {
        const part = message.fixed(bytesPerElement);
        byteLength += part.length;
        if (parts.length < 2) parts.push(part);
      });
      return { byteLength, whole: parts.length === 1 ? parts[0] : undefined };
    },
    decode(message, byteLength) {
      const bytes = new Uint8Array(byteLength);
      let offset = 0;
      forEachOccurrence(message, field, () => {
        const part = message.fixed(bytesPerElement);
        bytes.set(part, offset);
        offset += part.length;
      });
      return bytes;
    },
  };
}

/** 64-bit elements as varints: read in halves, for a number isn't exact beyond 2^53. */
function int64Field(field: number): TypedField {
  return {
    measure(message) {
      let elements = 0;
      const count = () => {
        elements++;
      };
      forEachOccurrence(message, field, () => message.int64s(count));
      return { byteLength: elements * 8 };
    },
    decode(message, byteLength) {
      const halves = new Uint32Array(byteLength / 4);
      let i = 0;
      const store = (low: number, high: number) => {
        halves[i++] = low;
        halves[i++] = high;
      };
      forEachOccurrence(message, field, () => message.int64s(store));
      return new Uint8Array(halves.buffer);
    },
  };
}

/** Elements of up to 32 bits as varints. */
function intField(field: number, type: StoredType): TypedField {
  return {
    measure(message, where) {
      const [smallest, largest] = storedRange(type);
      let elements = 0;
      const check = (value: number) => {
        if (value < smallest || value > largest) {
          throw new ModelFormatError(`${where} of ${type} has an element ${value}; the file is damaged`);
        }
        elements++;
      };
      forEachOccurrence(message, field, () => message.ints(check));
      return { byteLength: elements * bytesPerStoredElement(type) };
    },
    decode(message, byteLength) {
      const width = bytesPerStoredElement(type);
      const WordArray = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
      const words = new WordArray(byteLength / width);
      let i = 0;
      // Of an element in range, the low bits of its two's complement are what is stored.
      const store = (value: number) => {
        words[i++] = value;
      };
      forEachOccurrence(message, field, () => message.ints(store));
      return new Uint8Array(words.buffer);
    },
  };
}

/** Visits each occurrence of a field, which `visit` must read. */
function forEachOccurrence(message: ProtobufReader, field: number, visit: () => void): void {
  while (message.next()) {
    if (message.field === field) visit();
    else message.skip();
  }
}

/** The integers that an element of a type is stored as; float16 and bfloat16 are stored as their bits. */
function storedRange(type: StoredType): [smallest: number, largest: number] {
  if (type === 'bool') return [0, 1];
  const bits = bytesPerStoredElement(type) * 8;
  return type.startsWith('int') ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}
