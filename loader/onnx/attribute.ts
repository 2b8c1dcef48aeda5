import { quote } from '../../engine/errors.ts';
import type { AttributeValue } from '../model-file.ts';
import type { Holder, ReadContext } from './context.ts';
import { decodeText, type ProtobufReader } from './protobuf.ts';
import { readTensor } from './tensor.ts';

/** The fields of an AttributeProto, as far as they are read; which of them counts follows from the type. */
interface AttributeFields {
  name: string;
  typeCode: number;
  /** The kind of the first value that is present. */
  kindPresent: string | undefined;
  isReference: boolean;
  float: number;
  int: number;
  string: Uint8Array;
  tensor: ProtobufReader | undefined;
  readonly floats: number[];
  readonly ints: number[];
  /** `undefined` stands for one that is not UTF-8. */
  readonly strings: (string | undefined)[];
}

/** AttributeProto.AttributeType of onnx.proto: code and field number of each kind. */
const kinds = [
  { kind: 'float', code: 1, field: 2 },
  { kind: 'int', code: 2, field: 3 },
  { kind: 'string', code: 3, field: 4 },
  { kind: 'tensor', code: 4, field: 5 },
  { kind: 'graph', code: 5, field: 6 },
  { kind: 'floats', code: 6, field: 7 },
  { kind: 'ints', code: 7, field: 8 },
  { kind: 'strings', code: 8, field: 9 },
  { kind: 'tensors', code: 9, field: 10 },
  { kind: 'graphs', code: 10, field: 11 },
  { kind: 'sparse_tensor', code: 11, field: 22 },
  { kind: 'sparse_tensors', code: 12, field: 23 },
  { kind: 'type_proto', code: 13, field: 14 },
  { kind: 'type_protos', code: 14, field: 15 },
];
const kindOfCode = new Map(kinds.map(({ kind, code }) => [code, kind]));
const kindOfField = new Map(kinds.map(({ kind, field }) => [field, kind]));

/** Far more than any operator takes, so that a damaged length can't turn weights into a list of numbers. */
const LONGEST_LIST = 2 ** 16;

/**
 * Reads an AttributeProto. Subgraphs and other kinds that no supported operator has are named, not read, which also
 * bounds the depth. A writer may leave out a value that is zero, and before IR version 2 the type.
 */
export function readAttribute(
  reader: ProtobufReader,
  node: Holder,
  context: ReadContext,
): { name: string; value: AttributeValue } {
  const fields = readFields(reader);
  if (fields.name === '') reader.fail(`an attribute of node ${quote(node.name)} has no name`);
  return { name: fields.name, value: attributeValue(fields, reader, node, context) };
}

function readFields(reader: ProtobufReader): AttributeFields {
  const fields: AttributeFields = {
    name: '',
    typeCode: 0,
    kindPresent: undefined,
    isReference: false,
    float: 0,
    int: 0,
    string: new Uint8Array(),
    tensor: undefined,
    floats: [],
    ints: [],
    strings: [],
  };
  while (reader.next()) {
    fields.kindPresent ??= kindOfField.get(reader.field);
    switch (reader.field) {
      case 1:
        fields.name = reader.string();
        break;
      case 2:
        fields.float = reader.float();
        break;
      case 3:
        fields.int = reader.int();
        break;
      case 4:
        fields.string = reader.byteString();
        break;
      case 5:
        fields.tensor = reader.message();
        break;
      case 7:
        reader.floats((value) => append(fields.floats, value, reader));
        break;
      case 8:
        reader.ints((value) => append(fields.ints, value, reader));
        break;
      case 9:
        append(fields.strings, decodeText(reader.byteString()), reader);
        break;
      case 20:
        fields.typeCode = reader.int();
        break;
      case 21:
        fields.isReference = reader.string() !== '';
        break;
      default:
        reader.skip();
    }
  }
  return fields;
}

function append<T>(list: T[], value: T, reader: ProtobufReader): void {
  if (list.length === LONGEST_LIST) reader.fail(`an attribute has more than ${LONGEST_LIST} values`);
  list.push(value);
}

function attributeValue(
  fields: AttributeFields,
  reader: ProtobufReader,
  node: Holder,
  context: ReadContext,
): AttributeValue {
  if (fields.isReference) return unsupported('reference to a function attribute');
  const kind = fields.typeCode === 0 ? fields.kindPresent : kindOfCode.get(fields.typeCode);
  switch (kind) {
    case 'float':
      return { kind, value: fields.float };
    case 'int':
      return { kind, value: fields.int };
    case 'string': {
      const value = decodeText(fields.string);
      return value === undefined ? unsupported('string that is not UTF-8') : { kind, value };
    }
    case 'tensor': {
      if (fields.tensor === undefined) {
        return reader.fail(`attribute ${quote(fields.name)} of node ${quote(node.name)} states no tensor`);
      }
      const value = readTensor(fields.tensor, `${fields.name} of ${node.name}`, node, context);
      return value === undefined ? unsupported('tensor') : { kind, value };
    }
    case 'floats':
      return { kind, value: fields.floats };
    case 'ints':
      return { kind, value: fields.ints };
    case 'strings': {
      const value = fields.strings.filter((text) => text !== undefined);
      return value.length < fields.strings.length ? unsupported('strings that are not UTF-8') : { kind, value };
    }
    default:
      return unsupported(kind ?? `unknown attribute type ${fields.typeCode}`);
  }
}

function unsupported(value: string): AttributeValue {
  return { kind: 'unsupported', value };
}
