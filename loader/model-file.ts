/**
 * What every loader returns: the tensors and, where the format has one, the graph, as the file states them.
 * No YOLO knowledge, no GPU, no shape inference: dimensions that a file leaves open stay open.
 */
export interface ModelFile {
  readonly format: 'onnx' | 'safetensors' | 'pytorch' | 'darknet';
  /** Where the bytes came from, for messages: a file name or URL without its query. */
  readonly source: string;
  /** Stored tensors by name: ONNX initializers, or a state dict. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The graph, in formats that carry one. */
  readonly graph?: FileGraph;
  /** The file's own string metadata (ONNX metadata_props, safetensors __metadata__). */
  readonly metadata: ReadonlyMap<string, string>;
}

export type StoredType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/**
 * A tensor's bytes where they lie in the file (a view, not a copy, wherever the encoding allows): little endian, row
 * major, exactly `product(dims) * bytes per element` long. Use `decodeFloats`/`decodeIntegers` to read it.
 */
export interface StoredTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** A graph as ONNX states it. Nodes are in topological order, as the format demands. */
export interface FileGraph {
  readonly name: string;
  /** The version of each operator domain that the file imports; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Inputs that must be fed (initializers listed as inputs by old exporters are left out). */
  readonly inputs: readonly FileValue[];
  readonly outputs: readonly FileValue[];
  readonly nodes: readonly FileNode[];
}

/** A graph input or output. A dimension is a number, or the name of a symbol (or '?') where the file leaves it open. */
export interface FileValue {
  readonly name: string;
  readonly type: StoredType;
  readonly dims: readonly (number | string)[];
  /** The file leaves even the number of dimensions open; `dims` is empty then. */
  readonly unknownRank?: true;
}

export interface FileNode {
  /** The node's name, or `${operator}:${first output}` where the file gives none. */
  readonly name: string;
  readonly operator: string;
  /** '' for ONNX's own operators. */
  readonly domain: string;
  /** Value names; '' marks an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

export type AttributeValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: StoredTensor }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** Subgraphs and other kinds that no supported operator has; named so that a message can say so. */
  | { readonly kind: 'unsupported'; readonly value: string };
