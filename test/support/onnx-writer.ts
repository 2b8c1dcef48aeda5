/**
 * A small ONNX writer: a graph stated as plain data, written as an exporter would (raw tensor encoding). Field numbers
 * are those of onnx.proto.
 *
 *     writeOnnx({
 *       inputs: [{ name: 'x', type: 'float32', dims: [1, 3, 'height', 'width'] }],
 *       outputs: [{ name: 'y', type: 'float32', dims: [1, 8, '?', '?'] }],
 *       initializers: [{ name: 'w', type: 'float32', dims: [8, 3, 1, 1], data: weights }],
 *       nodes: [{ operator: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { kernel_shape: ints(1, 1) } }],
 *     });
 */
import type { StoredType } from '../../loader/model-file.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { storeTensor, type TensorElements } from './tensor-bytes.ts';

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers?: readonly TensorElements[];
  /** The version of ONNX's own operators; 17 where left out. */
  readonly opset?: number;
  /** Versions of other domains; a domain that a node uses and this leaves out is imported in version 1. */
  readonly domains?: Readonly<Record<string, number>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly graphName?: string;
}

export interface OnnxNode {
  readonly operator: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A number is a fixed dimension, a string a symbolic one, '?' one that is left open. Without `dims`, any rank. */
export interface OnnxValue {
  readonly name: string;
  readonly type: StoredType;
  readonly dims?: readonly (number | string)[];
}

/** An attribute's fields, written by one of the functions below. */
export type OnnxAttribute = (message: ProtobufWriter) => void;

export const float =
  (value: number): OnnxAttribute =>
  (message) =>
    message.float(2, value).int(20, 1);

export const int =
  (value: number | bigint): OnnxAttribute =>
  (message) =>
    message.int(3, value).int(20, 2);

export const string =
  (value: string): OnnxAttribute =>
  (message) =>
    message.string(4, value).int(20, 3);

export const tensor =
  (value: Omit<TensorElements, 'name'>): OnnxAttribute =>
  (message) =>
    message.message(5, tensorMessage({ ...value, name: '' })).int(20, 4);

export const graph =
  (value: OnnxModel): OnnxAttribute =>
  (message) =>
    message.message(6, graphMessage(value)).int(20, 5);

export const floats =
  (...values: readonly number[]): OnnxAttribute =>
  (message) => {
    for (const value of values) message.float(7, value);
    message.int(20, 6);
  };

export const ints =
  (...values: readonly (number | bigint)[]): OnnxAttribute =>
  (message) => {
    for (const value of values) message.int(8, value);
    message.int(20, 7);
  };

export const strings =
  (...values: readonly string[]): OnnxAttribute =>
  (message) => {
    for (const value of values) message.string(9, value);
    message.int(20, 8);
  };

export const dataTypes: Readonly<Record<StoredType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

export function writeOnnx(model: OnnxModel): Uint8Array {
  return wrapGraph(graphMessage(model), model).finish();
}

/** The ModelProto around a graph that a test writes itself. */
export function wrapGraph(
  graphProto: ProtobufWriter,
  { opset = 17, domains = {}, metadata = {}, nodes = [] }: Partial<OnnxModel> = {},
): ProtobufWriter {
  const versions = new Map<string, number>([['', opset]]);
  for (const { domain } of nodes) if (domain) versions.set(domain, 1);
  for (const [domain, version] of Object.entries(domains)) versions.set(domain, version);
  const message = new ProtobufWriter().int(1, 8).string(2, 'onelook tests').message(7, graphProto);
  for (const [domain, version] of versions) {
    message.message(8, new ProtobufWriter().string(1, domain).int(2, version));
  }
  for (const [key, value] of Object.entries(metadata)) {
    message.message(14, new ProtobufWriter().string(1, key).string(2, value));
  }
  return message;
}

export function graphMessage(model: OnnxModel): ProtobufWriter {
  const message = new ProtobufWriter();
  for (const node of model.nodes) message.message(1, nodeMessage(node));
  message.string(2, model.graphName ?? 'test');
  for (const initializer of model.initializers ?? []) message.message(5, tensorMessage(initializer));
  for (const value of model.inputs) message.message(11, valueMessage(value));
  for (const value of model.outputs) message.message(12, valueMessage(value));
  return message;
}

export function nodeMessage(node: OnnxNode): ProtobufWriter {
  const message = new ProtobufWriter();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  if (node.name !== undefined) message.string(3, node.name);
  message.string(4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes ?? {})) {
    const fields = new ProtobufWriter().string(1, name);
    attribute(fields);
    message.message(5, fields);
  }
  if (node.domain !== undefined) message.string(7, node.domain);
  return message;
}

export function valueMessage(value: OnnxValue): ProtobufWriter {
  const tensorType = new ProtobufWriter().int(1, dataTypes[value.type]);
  if (value.dims !== undefined) {
    const shape = new ProtobufWriter();
    for (const dim of value.dims) {
      const dimension = new ProtobufWriter();
      if (typeof dim === 'number') dimension.int(1, dim);
      else if (dim !== '?') dimension.string(2, dim);
      shape.message(1, dimension);
    }
    tensorType.message(2, shape);
  }
  return new ProtobufWriter().string(1, value.name).message(2, new ProtobufWriter().message(1, tensorType));
}

function tensorMessage(elements: TensorElements): ProtobufWriter {
  const message = new ProtobufWriter().packedInts(1, elements.dims).int(2, dataTypes[elements.type]);
  if (elements.name !== '') message.string(8, elements.name);
  return message.bytes(9, storeTensor(elements).bytes);
}
