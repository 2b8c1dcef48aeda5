import { quote } from '../../engine/errors.ts';
import type { FileNode, FileValue, StoredTensor } from '../model-file.ts';
import type { ReadContext } from './context.ts';
import { elementType, refusedTypeName } from './element-types.ts';
import { readNode } from './node.ts';
import type { ProtobufReader } from './protobuf.ts';
import { readTensor } from './tensor.ts';

/** A GraphProto as far as it is read. A file may state it in several parts, which add up. */
export interface GraphParts {
  name: string;
  readonly inputs: FileValue[];
  readonly outputs: FileValue[];
  readonly nodes: FileNode[];
  readonly initializers: Map<string, StoredTensor>;
}

/** Reads a GraphProto into `graph`. */
export function readGraph(reader: ProtobufReader, graph: GraphParts, context: ReadContext): void {
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        graph.nodes.push(readNode(reader.message(), context));
        break;
      case 2:
        graph.name = reader.string();
        break;
      case 5: {
        const tensor = readTensor(reader.message(), '', undefined, context);
        if (tensor === undefined) break;
        if (tensor.name === '') reader.fail('an initializer has no name');
        if (graph.initializers.has(tensor.name)) reader.fail(`initializer ${quote(tensor.name)} is stated twice`);
        graph.initializers.set(tensor.name, tensor);
        break;
      }
      case 11:
        addValue(graph.inputs, readValue(reader.message(), 'graph input', context));
        break;
      case 12:
        addValue(graph.outputs, readValue(reader.message(), 'graph output', context));
        break;
      case 15: {
        const name = sparseTensorName(reader.message());
        context.unsupported.push({ node: name, operator: 'initializer', reason: `tensor ${quote(name)} is sparse` });
        break;
      }
      default:
        reader.skip();
    }
  }
}

function addValue(values: FileValue[], value: FileValue | undefined): void {
  if (value !== undefined) values.push(value);
}

/** Reads a ValueInfoProto; `undefined` where its type isn't supported, which is then noted. */
function readValue(reader: ProtobufReader, role: string, context: ReadContext): FileValue | undefined {
  let name = '';
  let type: ValueType = { typeCode: 0, dims: undefined, container: undefined };
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) type = readType(reader.message());
    else reader.skip();
  }
  if (name === '') reader.fail(`a ${role} has no name`);
  if (type.typeCode === 0 && type.container === undefined) reader.fail(`${role} ${quote(name)} states no element type`);

  const stored = elementType(type.typeCode);
  if (stored === undefined) {
    const reason = `${role} ${quote(name)} is ${type.container ?? `a tensor of ${refusedTypeName(type.typeCode)}`}`;
    context.unsupported.push({ node: name, operator: role, reason });
    return undefined;
  }
  return type.dims === undefined
    ? { name, type: stored, dims: [], unknownRank: true }
    : { name, type: stored, dims: type.dims };
}

interface ValueType {
  readonly typeCode: number;
  /** `undefined` where the rank is open. */
  readonly dims: (number | string)[] | undefined;
  /** What the value is where it isn't a dense tensor. */
  readonly container: string | undefined;
}

/** TypeProto's field numbers of values that aren't dense tensors. */
const containers = new Map([
  [4, 'a sequence'],
  [5, 'a map'],
  [7, 'an opaque value'],
  [8, 'a sparse tensor'],
  [9, 'an optional value'],
]);

function readType(reader: ProtobufReader): ValueType {
  let typeCode = 0;
  let dims: (number | string)[] | undefined;
  let container: string | undefined;
  while (reader.next()) {
    if (reader.field === 1) {
      const tensorType = reader.message();
      while (tensorType.next()) {
        if (tensorType.field === 1) typeCode = tensorType.int();
        else if (tensorType.field === 2) dims = readShape(tensorType.message());
        else tensorType.skip();
      }
    } else {
      container ??= containers.get(reader.field);
      reader.skip();
    }
  }
  return { typeCode, dims, container };
}

function readShape(reader: ProtobufReader): (number | string)[] {
  const dims: (number | string)[] = [];
  while (reader.next()) {
    if (reader.field === 1) dims.push(readDimension(reader.message()));
    else reader.skip();
  }
  return dims;
}

/** A fixed dimension, or the name of a symbolic one; '?' where it is open (some exporters write -1 for that). */
function readDimension(reader: ProtobufReader): number | string {
  let dimension: number | string = '?';
  while (reader.next()) {
    if (reader.field === 1) dimension = reader.int();
    else if (reader.field === 2) dimension = reader.string() || '?';
    else reader.skip();
  }
  return typeof dimension === 'number' && dimension < 0 ? '?' : dimension;
}

/** The name of a SparseTensorProto: that of its values. */
function sparseTensorName(reader: ProtobufReader): string {
  let name = '';
  while (reader.next()) {
    if (reader.field === 1) {
      const values = reader.message();
      while (values.next()) {
        if (values.field === 8) name = values.string();
        else values.skip();
      }
    } else {
      reader.skip();
    }
  }
  return name;
}
