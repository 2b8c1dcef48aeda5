import { elementCount } from './indexing.ts';
import type { Op } from './op.ts';
import { definitionOf } from './registry.ts';
import type { ConstantData, DenseTensor, ElementKind, Graph, Node, Shape, TensorType, Value } from './types.ts';

/** Constants up to this many elements are computed while building: shape arithmetic, thresholds, small grids. */
const FOLD_LIMIT = 65536;

/** More arithmetic than this is left to the device: about a second of the reference implementations, which read well. */
const FOLD_FLOPS = 2 ** 27;

/** A constant's elements as the reference implementations take them. */
export function denseOf(value: Value): DenseTensor {
  if (!value.constant) throw new Error(`${value.name} is not a constant`);
  return { kind: value.kind, shape: value.shape, data: value.constant };
}

/** Narrows a reference implementation's result to what constants are stored as. */
export function constantDataOf(tensor: DenseTensor): ConstantData {
  switch (tensor.kind) {
    case 'float':
      return tensor.data instanceof Float32Array ? tensor.data : Float32Array.from(tensor.data);
    case 'int':
      return tensor.data instanceof Int32Array ? tensor.data : Int32Array.from(tensor.data);
    case 'bool':
      return tensor.data instanceof Uint8Array ? tensor.data : Uint8Array.from(tensor.data);
  }
}

/** A node of these inputs. Its outputs are named `name`, `name:1`, ... or as `outputNames` says. Throws `ShapeError`. */
export function createNode(op: Op, inputs: readonly Value[], name: string, outputNames?: readonly string[]): Node {
  const nameOf = (index: number) => outputNames?.[index] || (index === 0 ? name : `${name}:${index}`);
  const outputs = definitionOf(op)
    .infer(op, inputs)
    .map((type, index): Value => ({ name: nameOf(index), kind: type.kind, shape: type.shape }));
  return { op, name, inputs, outputs };
}

/** Whether a node's outputs can be computed here and now. */
export function isFoldable({ op, inputs, outputs }: Node): boolean {
  if (!inputs.every((input) => input.constant)) return false;
  return definitionOf(op).cost(op, inputs, outputs).flops <= FOLD_FLOPS;
}

/** The outputs of a foldable node, as constants. */
export function evaluateNode(node: Node): Value[] {
  const results = definitionOf(node.op).reference(node.op, node.inputs.map(denseOf));
  return node.outputs.map((output, index) => ({ ...output, constant: constantDataOf(results[index]) }));
}

function isSmall(type: TensorType): boolean {
  return elementCount(type.shape) <= FOLD_LIMIT;
}

/**
 * Builds a graph node by node. Every value's shape is known at once, because nodes whose inputs are all small constants
 * are computed on the spot: that is how the shape arithmetic of exporters (Shape, Gather, Concat, Range ...) disappears,
 * and why nothing of it reaches the GPU.
 */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];

  input(name: string, kind: ElementKind, shape: Shape): Value {
    const value: Value = { name, kind, shape };
    this.inputs.push(value);
    return value;
  }

  constant(name: string, kind: ElementKind, shape: Shape, data: ConstantData): Value {
    if (data.length !== elementCount(shape)) {
      throw new Error(`constant ${name} has ${data.length} elements, its shape [${shape}] has ${elementCount(shape)}`);
    }
    return { name, kind, shape, constant: data };
  }

  floats(name: string, shape: Shape, data: ArrayLike<number>): Value {
    return this.constant(name, 'float', shape, data instanceof Float32Array ? data : Float32Array.from(data));
  }

  ints(name: string, shape: Shape, data: ArrayLike<number>): Value {
    return this.constant(name, 'int', shape, Int32Array.from(data));
  }

  /** Adds a node and returns its outputs, named as `createNode` says. Throws `ShapeError` where the inputs don't fit. */
  add(op: Op, inputs: readonly Value[], name: string, outputNames?: readonly string[]): Value[] {
    const node = createNode(op, inputs, name, outputNames);
    if ([...inputs, ...node.outputs].every(isSmall) && isFoldable(node)) return evaluateNode(node);
    this.nodes.push(node);
    return [...node.outputs];
  }

  /** `add` for ops with one output. */
  apply(op: Op, inputs: readonly Value[], name: string, outputName?: string): Value {
    return this.add(op, inputs, name, outputName ? [outputName] : undefined)[0];
  }

  finish(name: string, outputs: readonly Value[]): Graph {
    return { name, inputs: this.inputs, outputs, nodes: this.nodes };
  }
}
