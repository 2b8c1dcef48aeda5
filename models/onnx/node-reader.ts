import type { GraphBuilder } from '../../engine/graph/builder.ts';
import { sameShape } from '../../engine/graph/indexing.ts';
import type { Op } from '../../engine/graph/op.ts';
import type { BinaryFunction } from '../../engine/graph/ops/binary.ts';
import type { PlainUnaryName, UnaryFunction } from '../../engine/graph/ops/unary.ts';
import { type Shape, ShapeError, type Value } from '../../engine/graph/types.ts';
import type { AttributeValue, FileNode, StoredTensor } from '../../loader/model-file.ts';
import type { NarrowType } from './narrow-types.ts';

/** Turns one node of a file into nodes of the IR and returns its outputs, in the file's order. */
export type Importer = (node: NodeReader) => readonly Value[];

/** Importers of one domain's operators. */
export type OperatorTable = { readonly [operator: string]: Importer };

/** What an importer throws for an operator, attribute or form of input that the engine lacks. */
export class UnsupportedOperator extends Error {}

/** What the importer of a node is given. An input is undefined where the node leaves it out. */
export interface NodeSurroundings {
  readonly builder: GraphBuilder;
  /** The version of the node's operator set. */
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  /** The 8- or 16-bit integer type of a value of the file, which the IR holds as floats. */
  readonly narrowType: (name: string) => NarrowType | undefined;
}

/** What an attribute of a kind holds. */
interface Attributes {
  readonly float: number;
  readonly int: number;
  readonly string: string;
  readonly tensor: StoredTensor;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
}

/**
 * One node of a file while it is imported: its inputs and attributes, checked, and shorthand for adding to the graph. A
 * node's last operation is added without a label and takes the name of the node and of its output; steps before it are
 * named by labels. Whatever is wrong with the node is thrown as `ShapeError`; the caller adds which node it is.
 */
export class NodeReader {
  readonly node: FileNode;
  readonly opset: number;
  readonly builder: GraphBuilder;
  private readonly surroundings: NodeSurroundings;

  constructor(node: FileNode, surroundings: NodeSurroundings) {
    this.node = node;
    this.opset = surroundings.opset;
    this.builder = surroundings.builder;
    this.surroundings = surroundings;
  }

  get inputCount(): number {
    return this.node.inputs.length;
  }

  input(index: number): Value {
    const value = this.optional(index);
    if (!value) throw new ShapeError(`input ${index} is missing`);
    return value;
  }

  optional(index: number): Value | undefined {
    return this.surroundings.inputs[index];
  }

  /** Every input, none of which may be left out. */
  allInputs(): Value[] {
    return this.node.inputs.map((_, index) => this.input(index));
  }

  /** The 8- or 16-bit integer type that the file gives an input. */
  narrowType(index: number): NarrowType | undefined {
    return this.surroundings.narrowType(this.node.inputs[index] ?? '');
  }

  /** The elements of an input that must be known before anything runs. */
  constant(index: number): Value & Required<Pick<Value, 'constant'>> {
    const value = this.input(index);
    if (!isConstant(value)) throw new UnsupportedOperator(`input ${index} ("${value.name}") depends on the data`);
    return value;
  }

  /** The integers of a constant input: a shape, axes, indices. */
  ints(index: number): number[] {
    const value = this.constant(index);
    if (value.kind !== 'int') throw new ShapeError(`input ${index} ("${value.name}") must be integers`);
    return Array.from(value.constant);
  }

  optionalInts(index: number): number[] | undefined {
    return this.optional(index) ? this.ints(index) : undefined;
  }

  /** The one element of a constant input. */
  scalar(index: number): number {
    const value = this.constant(index);
    if (value.constant.length !== 1) {
      throw new ShapeError(`input ${index} ("${value.name}") must be one element, its shape is [${value.shape}]`);
    }
    return value.constant[0];
  }

  optionalScalar(index: number): number | undefined {
    return this.optional(index) ? this.scalar(index) : undefined;
  }

  float(name: string, fallback: number): number {
    const attribute = this.node.attributes.get(name);
    // Some exporters write whole numbers as integers.
    if (attribute?.kind === 'int') return attribute.value;
    return this.attribute(name, 'float') ?? fallback;
  }

  int(name: string, fallback: number): number {
    return this.attribute(name, 'int') ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.attribute(name, 'string') ?? fallback;
  }

  optionalIntList(name: string): readonly number[] | undefined {
    return this.attribute(name, 'ints');
  }

  optionalFloatList(name: string): readonly number[] | undefined {
    return this.attribute(name, 'floats');
  }

  optionalTensor(name: string): StoredTensor | undefined {
    return this.attribute(name, 'tensor');
  }

  /** An attribute that the operator can't do without. */
  required<K extends keyof Attributes>(name: string, kind: K): Attributes[K] {
    const value = this.attribute(name, kind);
    if (value === undefined) throw new ShapeError(`attribute ${name} is missing`);
    return value;
  }

  private attribute<K extends keyof Attributes>(name: string, kind: K): Attributes[K] | undefined {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return undefined;
    // An empty list has no elements to tell its kind.
    if (attribute.kind !== kind && !(isEmptyList(attribute) && kind.endsWith('s'))) {
      throw new ShapeError(`attribute ${name} is of kind ${attribute.kind}, it must be ${kind}`);
    }
    return attribute.value as Attributes[K];
  }

  /** An axis as the file states it, where negative ones count from the end, as an index into the dimensions. */
  axis(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 0 || resolved >= rank) throw new ShapeError(`axis ${axis} is outside ${rank} dimensions`);
    return resolved;
  }

  apply(op: Op, inputs: readonly Value[], label?: string): Value {
    return this.builder.apply(op, inputs, this.nameOf(label), label === undefined ? this.node.outputs[0] : undefined);
  }

  /** The last operation of a node with several outputs. */
  applyAll(op: Op, inputs: readonly Value[]): Value[] {
    return this.builder.add(op, inputs, this.node.name, this.node.outputs);
  }

  unary(fn: UnaryFunction | PlainUnaryName, x: Value, label?: string): Value {
    return this.apply({ type: 'unary', function: typeof fn === 'string' ? { name: fn } : fn }, [x], label);
  }

  binary(fn: BinaryFunction, a: Value, b: Value, label?: string): Value {
    return this.apply({ type: 'binary', function: fn }, [a, b], label);
  }

  /** The same elements under another shape; the value itself where that is its shape. */
  reshape(x: Value, shape: Shape, label?: string): Value {
    return sameShape(x.shape, shape) ? x : this.apply({ type: 'reshape', shape }, [x], label);
  }

  transpose(x: Value, permutation: readonly number[], label?: string): Value {
    const unchanged = permutation.every((axis, index) => axis === index);
    return unchanged ? x : this.apply({ type: 'transpose', permutation }, [x], label);
  }

  expand(x: Value, shape: Shape, label?: string): Value {
    return sameShape(x.shape, shape) ? x : this.apply({ type: 'expand', shape }, [x], label);
  }

  /** `sizes[axis]` elements of every axis from `starts[axis]`, in steps of `steps[axis]` (1 where left out). */
  slice(
    x: Value,
    starts: readonly number[],
    sizes: readonly number[],
    steps?: readonly number[],
    label?: string,
  ): Value {
    const everyStep = steps ?? sizes.map(() => 1);
    const whole = sameShape(x.shape, sizes) && everyStep.every((step, axis) => step === 1 || sizes[axis] <= 1);
    return whole ? x : this.apply({ type: 'slice', starts, sizes, steps: everyStep }, [x], label);
  }

  cast(x: Value, to: Value['kind'], label?: string): Value {
    return x.kind === to ? x : this.apply({ type: 'cast', to }, [x], label);
  }

  /** A float constant of this node. */
  floats(label: string, shape: Shape, data: ArrayLike<number>): Value {
    return this.builder.floats(this.nameOf(label), shape, data);
  }

  /** A constant of one element, of the kind of the value it is to meet. */
  scalarLike(value: Value, label: string, element: number): Value {
    const name = this.nameOf(label);
    return value.kind === 'float' ? this.builder.floats(name, [], [element]) : this.builder.ints(name, [], [element]);
  }

  nameOf(label: string | undefined): string {
    return label === undefined ? this.node.name : `${this.node.name}/${label}`;
  }
}

export function isConstant(value: Value): value is Value & Required<Pick<Value, 'constant'>> {
  return value.constant !== undefined;
}

function isEmptyList(attribute: AttributeValue): boolean {
  return Array.isArray(attribute.value) && attribute.value.length === 0;
}
