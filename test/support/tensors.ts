import { expect } from 'vitest';
import { elementCount } from '../../engine/graph/indexing.ts';
import type { Op } from '../../engine/graph/op.ts';
import { definitionOf } from '../../engine/graph/registry.ts';
import type { DenseTensor, Shape } from '../../engine/graph/types.ts';
import { randomFloats } from './random.ts';

/** Tensors for tests, row major. Without elements: 0, 1, 2, ... */
export function floatTensor(shape: Shape, data: ArrayLike<number> = counting(shape)): DenseTensor {
  return { kind: 'float', shape, data: Float32Array.from(data) };
}

export function intTensor(shape: Shape, data: ArrayLike<number> = counting(shape)): DenseTensor {
  return { kind: 'int', shape, data: Int32Array.from(data) };
}

export function boolTensor(shape: Shape, data: ArrayLike<number>): DenseTensor {
  return { kind: 'bool', shape, data: Uint8Array.from(data) };
}

export function randomTensor(seed: number, shape: Shape, scale = 1): DenseTensor {
  return { kind: 'float', shape, data: randomFloats(seed, elementCount(shape), scale) };
}

/** The results of the op's reference implementation, after checking that they are of the types that it infers. */
export function evaluate(op: Op, ...inputs: DenseTensor[]): DenseTensor[] {
  const definition = definitionOf(op);
  const results = definition.reference(op, inputs);
  expect(results.map(({ kind, shape }) => ({ kind, shape }))).toEqual(definition.infer(op, inputs));
  for (const { kind, shape, data } of results) {
    expect(data).toBeInstanceOf({ float: Float64Array, int: Int32Array, bool: Uint8Array }[kind]);
    expect(data.length).toBe(elementCount(shape));
  }
  return results;
}

/** The elements of the op's first result. */
export function valuesOf(op: Op, ...inputs: DenseTensor[]): number[] {
  return Array.from(evaluate(op, ...inputs)[0].data);
}

/** Same kind and shape, and no element further away than `tolerance` times the largest expected magnitude (at least 1). */
export function expectClose(actual: DenseTensor, expected: DenseTensor, tolerance: number): void {
  expect({ kind: actual.kind, shape: actual.shape }).toEqual({ kind: expected.kind, shape: expected.shape });
  const largest = Array.from(expected.data, Math.abs).reduce((a, b) => Math.max(a, b), 1);
  for (const [index, value] of expected.data.entries()) {
    const distance = Math.abs(actual.data[index] - value);
    if (!(distance <= tolerance * largest) && !Object.is(actual.data[index], value)) {
      expect.fail(`element ${index} of [${expected.shape}] is ${actual.data[index]}, expected ${value}`);
    }
  }
}

function counting(shape: Shape): number[] {
  return Array.from({ length: elementCount(shape) }, (_, index) => index);
}
