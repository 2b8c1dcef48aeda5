import { ModelFormatError } from '../engine/errors.ts';
import { GraphBuilder } from '../engine/graph/builder.ts';
import type { Op } from '../engine/graph/op.ts';
import type { BinaryFunction } from '../engine/graph/ops/binary.ts';
import { type Graph, type Shape, ShapeError, type Value } from '../engine/graph/types.ts';
import { decodeFloats } from '../loader/decode.ts';
import type { ModelFile } from '../loader/model-file.ts';

/**
 * Builds a network from a state dict: a graph builder that also reads weights by name, and reports what doesn't fit as
 * `ModelFormatError` with the file and the layer.
 */
export class NetworkBuilder {
  private readonly builder = new GraphBuilder();
  private readonly file: ModelFile;

  constructor(file: ModelFile) {
    this.file = file;
  }

  input(name: string, shape: Shape): Value {
    return this.builder.input(name, 'float', shape);
  }

  has(name: string): boolean {
    return this.file.tensors.has(name);
  }

  /** How many of `${prefix}0${suffix}`, `${prefix}1${suffix}` ... there are. */
  count(prefix: string, suffix: string): number {
    let number = 0;
    while (this.has(`${prefix}${number}${suffix}`)) number++;
    return number;
  }

  /** A stored tensor. */
  weight(name: string, rank: number): Value {
    const tensor = this.file.tensors.get(name);
    if (!tensor) throw new ModelFormatError(`${this.file.source}: the tensor "${name}" is missing`);
    if (tensor.dims.length !== rank) {
      throw new ModelFormatError(
        `${this.file.source}: "${name}" is ${tensor.dims.join('x')}, it needs ${rank} dimensions`,
      );
    }
    return this.floats(name, tensor.dims, decodeFloats(tensor));
  }

  floats(name: string, shape: Shape, data: ArrayLike<number>): Value {
    return this.builder.floats(name, shape, data);
  }

  apply(op: Op, inputs: readonly Value[], name: string): Value {
    try {
      return this.builder.apply(op, inputs, name);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ModelFormatError(`${this.file.source}: ${name}: ${error.message}`, { cause: error });
    }
  }

  binary(fn: BinaryFunction, a: Value, b: Value, name: string): Value {
    return this.apply({ type: 'binary', function: fn }, [a, b], name);
  }

  relu(x: Value, name: string): Value {
    return this.apply({ type: 'unary', function: { name: 'relu' } }, [x], name);
  }

  concat(parts: readonly Value[], axis: number, name: string): Value {
    return this.apply({ type: 'concat', axis }, parts, name);
  }

  finish(name: string, outputs: readonly Value[]): Graph {
    return this.builder.finish(name, outputs);
  }
}
