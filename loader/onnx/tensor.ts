import { ModelFormatError, quote } from '../../engine/errors.ts';
import { bytesPerStoredElement, elementCount } from '../decode.ts';
import type { StoredTensor, StoredType } from '../model-file.ts';
import type { Holder, ReadContext } from './context.ts';
import { elementType, refusedTypeName } from './element-types.ts';
import { readExternalData } from './external-data.ts';
import type { ProtobufReader } from './protobuf.ts';
import { readStringEntry } from './string-entry.ts';
import { type TypedField, typedFieldOf, typedFields } from './typed-data.ts';

const DATA_IN_EXTERNAL_FILE = 1;

/** Far more than any network has, so that a damaged length can't turn weights into dimensions. */
const LARGEST_RANK = 32;

/**
 * Reads a TensorProto. Its bytes are a view of the file wherever they lie there as such; elements encoded one by one are
 * counted and range-checked here and decoded on first use, so that a parse never needs more memory than the file's.
 *
 * @param fallbackName The tensor's name where it states none.
 * @param holder What an unsupported tensor is reported under: then `undefined` is returned.
 */
export function readTensor(
  reader: ProtobufReader,
  fallbackName: string,
  holder: Holder | undefined,
  context: ReadContext,
): StoredTensor | undefined {
  const dims: number[] = [];
  const external = new Map<string, string>();
  let name = '';
  let typeCode = 0;
  let raw: Uint8Array | undefined;
  let dataLocation = 0;
  let hasSegment = false;
  let hasTypedData = false;

  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.ints((dim) => {
          if (dims.length === LARGEST_RANK) reader.fail(`a tensor has more than ${LARGEST_RANK} dimensions`);
          dims.push(dim);
        });
        break;
      case 2:
        typeCode = reader.int();
        break;
      case 3:
        hasSegment = true;
        reader.skip();
        break;
      case 8:
        name = reader.string();
        break;
      case 9:
        raw = reader.byteString();
        break;
      case 13: {
        const { key, value } = readStringEntry(reader.message());
        external.set(key, value);
        break;
      }
      case 14:
        dataLocation = reader.int();
        break;
      default:
        hasTypedData ||= typedFields.has(reader.field);
        reader.skip();
    }
  }
  name ||= fallbackName;
  const type = elementType(typeCode);
  if (type === undefined || hasSegment) {
    const property = type === undefined ? `of ${refusedTypeName(typeCode)}` : 'split into segments';
    const { name: node, operator } = holder ?? { name, operator: 'initializer' };
    context.unsupported.push({ node, operator, reason: `tensor ${quote(name)} is ${property}` });
    return undefined;
  }

  const where = `${context.source}: tensor ${quote(name)}`;
  if (dims.some((dim) => dim < 0)) {
    throw new ModelFormatError(`${where} has a negative dimension in [${dims.join(', ')}]; the file is damaged`);
  }
  const isExternal = dataLocation === DATA_IN_EXTERNAL_FILE;
  if (Number(isExternal) + Number(raw !== undefined) + Number(hasTypedData) > 1) {
    throw new ModelFormatError(`${where} states its data in more than one way; the file is damaged`);
  }
  const shape: TensorShape = { where, name, type, dims, byteLength: elementCount(dims) * bytesPerStoredElement(type) };
  if (isExternal) return withBytes(shape, readExternalData(external, shape.byteLength, where, context));
  if (raw !== undefined) return withBytes(shape, raw);
  return withTypedField(shape, typedFieldOf(type), reader);
}

interface TensorShape {
  readonly where: string;
  readonly name: string;
  readonly type: StoredType;
  readonly dims: readonly number[];
  /** What the dimensions demand; a claim until it is compared. */
  readonly byteLength: number;
}

function withBytes(shape: TensorShape, bytes: Uint8Array): StoredTensor {
  checkLength(shape, bytes.length);
  return { name: shape.name, type: shape.type, dims: shape.dims, bytes };
}

function withTypedField(shape: TensorShape, field: TypedField, message: ProtobufReader): StoredTensor {
  const { name, type, dims } = shape;
  const { byteLength, whole } = field.measure(message.restart(), shape.where);
  checkLength(shape, byteLength);
  if (whole !== undefined) return { name, type, dims, bytes: whole };
  let decoded: Uint8Array | undefined;
  return {
    name,
    type,
    dims,
    get bytes() {
      decoded ??= field.decode(message.restart(), byteLength);
      return decoded;
    },
  };
}

function checkLength({ where, type, dims, byteLength }: TensorShape, stored: number): void {
  if (stored === byteLength) return;
  throw new ModelFormatError(
    `${where} of ${type} [${dims.join(', ')}] needs ${byteLength} bytes but stores ${stored}; the file is damaged`,
  );
}
