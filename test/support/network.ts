import { expect } from 'vitest';
import { GraphBuilder } from '../../engine/graph/builder.ts';
import { executeReference } from '../../engine/graph/execute.ts';
import { elementCount } from '../../engine/graph/indexing.ts';
import type { BinaryFunction } from '../../engine/graph/ops/binary.ts';
import type { Conv2d } from '../../engine/graph/ops/conv-2d.ts';
import type { ConvTranspose2d } from '../../engine/graph/ops/conv-transpose-2d.ts';
import type { PlainUnaryName, UnaryFunction } from '../../engine/graph/ops/unary.ts';
import type { Graph, Shape, Value } from '../../engine/graph/types.ts';
import { randomFloats } from './random.ts';
import { expectClose, randomTensor } from './tensors.ts';

/** Builds small networks with random weights, seeded: the same calls give the same network. */
export class NetworkBuilder extends GraphBuilder {
  #count = 0;

  #fresh(what: string): string {
    return `${what}${this.#count++}`;
  }

  image(channels: number, height = 6, width = 7, name = 'x'): Value {
    return this.input(name, 'float', [1, channels, height, width]);
  }

  random(shape: Shape, scale = 1): Value {
    const name = this.#fresh('weight');
    return this.floats(name, shape, randomFloats(this.#count, elementCount(shape), scale));
  }

  /** Numbers from 0.5 to 1.5: scales, variances. */
  positive(shape: Shape): Value {
    const data = randomFloats(this.#count, elementCount(shape), 0.5).map((value) => value + 1);
    return this.floats(this.#fresh('scale'), shape, data);
  }

  /** 'same' padding for odd kernels, unless `pads` says otherwise. */
  convolve(x: Value, outChannels: number, size: number, attributes: Partial<Conv2d> = {}): Value {
    const half = Math.floor(size / 2);
    const op: Conv2d = {
      type: 'conv2d',
      strides: [1, 1],
      pads: [half, half, half, half],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
      ...attributes,
    };
    const weight = this.random([outChannels, x.shape[1] / op.groups, size, size]);
    return this.apply(op, [x, weight, this.random([outChannels])], this.#fresh('conv'));
  }

  convolveTransposed(x: Value, outChannels: number, attributes: Partial<ConvTranspose2d> = {}): Value {
    const op: ConvTranspose2d = {
      type: 'convTranspose2d',
      strides: [2, 2],
      pads: [0, 0, 0, 0],
      outputPadding: [0, 0],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
      ...attributes,
    };
    const weight = this.random([x.shape[1], outChannels / op.groups, 2, 2]);
    return this.apply(op, [x, weight, this.random([outChannels])], this.#fresh('upsample'));
  }

  average(x: Value, size: number, stride = 1, countIncludePad = true): Value {
    const half = Math.floor(size / 2);
    return this.apply(
      {
        type: 'averagePool2d',
        kernel: [size, size],
        strides: [stride, stride],
        pads: [half, half, half, half],
        countIncludePad,
      },
      [x],
      this.#fresh('average'),
    );
  }

  /** As importers express it: a multiplication and an addition. */
  normalize(x: Value): Value {
    const shape = [1, x.shape[1], 1, 1];
    return this.binary('add', this.binary('multiply', x, this.positive(shape)), this.random(shape));
  }

  binary(name: BinaryFunction, a: Value, b: Value | number): Value {
    const operand = typeof b === 'number' ? this.floats(this.#fresh('number'), [], [b]) : b;
    return this.apply({ type: 'binary', function: name }, [a, operand], this.#fresh(name));
  }

  unary(fn: PlainUnaryName | UnaryFunction, x: Value): Value {
    const op = { type: 'unary', function: typeof fn === 'string' ? { name: fn } : fn } as const;
    return this.apply(op, [x], this.#fresh(op.function.name));
  }
}

/** The types of a graph's nodes, in order; functions by their names. */
export function opsOf(graph: Graph): string[] {
  return graph.nodes.map(({ op }) => {
    if (op.type === 'binary') return op.function;
    return op.type === 'unary' ? op.function.name : op.type;
  });
}

/** Both graphs have the same inputs and outputs by name and type, and compute the same from the same random input. */
export function expectEquivalent(actual: Graph, expected: Graph, tolerance = 1e-5): void {
  const signature = (graph: Graph) =>
    [graph.inputs, graph.outputs].map((values) => values.map(({ name, kind, shape }) => ({ name, kind, shape })));
  expect(signature(actual)).toEqual(signature(expected));
  const inputs = new Map(expected.inputs.map(({ name, shape }, index) => [name, randomTensor(100 + index, shape)]));
  const results = executeReference(actual, inputs);
  executeReference(expected, inputs).forEach((result, index) => {
    expectClose(results[index], result, tolerance);
  });
}
