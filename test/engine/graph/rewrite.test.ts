import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../engine/graph/builder.ts';
import { executeReference } from '../../../engine/graph/execute.ts';
import type { UnaryFunction } from '../../../engine/graph/ops/unary.ts';
import { printGraph } from '../../../engine/graph/print.ts';
import { consumersOf, producersOf, removeDeadCode, rewrite } from '../../../engine/graph/rewrite.ts';
import type { Graph, Value } from '../../../engine/graph/types.ts';
import { ShapeError } from '../../../engine/graph/types.ts';
import { floatTensor } from '../../support/tensors.ts';

class Builder extends GraphBuilder {
  unary(name: 'relu' | 'exp' | 'negate' | 'sigmoid', x: Value, as: string): Value {
    const fn: UnaryFunction = { name };
    return this.apply({ type: 'unary', function: fn }, [x], as);
  }

  multiply(a: Value, b: Value, as: string): Value {
    return this.apply({ type: 'binary', function: 'multiply' }, [a, b], as);
  }
}

/** x -> a = relu(x) -> b = exp(a) -> c = a * b, d = negate(x) unread. */
function example() {
  const builder = new Builder();
  const x = builder.input('x', 'float', [2]);
  const a = builder.unary('relu', x, 'a');
  const b = builder.unary('exp', a, 'b');
  const c = builder.multiply(a, b, 'c');
  builder.unary('negate', x, 'd');
  return { graph: builder.finish('example', [c, b]), x, a, b, c };
}

function run(graph: Graph): number[][] {
  return executeReference(graph, new Map([['x', floatTensor([2], [-1, 2])]])).map(({ data }) => Array.from(data));
}

describe('producersOf and consumersOf', () => {
  it('map values to the nodes that compute and read them', () => {
    const { graph, x, a, b, c } = example();
    const producers = producersOf(graph);
    expect([x, a, b, c].map((value) => producers.get(value)?.name)).toEqual([undefined, 'a', 'b', 'c']);
    const consumers = consumersOf(graph);
    expect([x, a, b, c].map((value) => (consumers.get(value) ?? []).map((node) => node.name))).toEqual([
      ['a', 'd'],
      ['b', 'c'],
      ['c'],
      [],
    ]);
  });

  it('list a node that reads a value twice once', () => {
    const builder = new Builder();
    const x = builder.input('x', 'float', [2]);
    const graph = builder.finish('square', [builder.multiply(x, x, 'y')]);
    expect(consumersOf(graph).get(x)).toEqual(graph.nodes);
  });
});

describe('removeDeadCode', () => {
  it('drops what nobody reads, and nothing else', () => {
    const { graph } = example();
    const live = removeDeadCode(graph);
    expect(live.nodes.map((node) => node.name)).toEqual(['a', 'b', 'c']);
    expect(removeDeadCode(live)).toBe(live);
  });
});

describe('rewrite', () => {
  it('returns the same graph if nothing is replaced', () => {
    const { graph } = example();
    expect(rewrite(graph, () => undefined)).toBe(graph);
  });

  it('passes replaced inputs on, keeps other nodes and their values, and drops what is unread', () => {
    const { graph, c } = example();
    const rewritten = rewrite(graph, (node, { emit }) => {
      if (node.name !== 'b') return undefined;
      const [negative] = emit({ type: 'unary', function: { name: 'negate' } }, node.inputs, 'n');
      return emit({ type: 'unary', function: { name: 'sigmoid' } }, [negative], 'b');
    });
    expect(rewritten.nodes.map((node) => node.name)).toEqual(['a', 'n', 'b', 'c']);
    expect(rewritten.outputs[0]).toBe(c);
    expect(rewritten.outputs.map((output) => output.name)).toEqual(['c', 'b']);
    const half = 1 / (1 + Math.exp(2));
    expect(run(rewritten)).toEqual([
      [0, 2 * half],
      [0.5, half],
    ]);
  });

  it('shows producers, uses and positions of what is rewritten so far', () => {
    const { graph, a } = example();
    const seen: unknown[] = [];
    rewrite(graph, (node, { emit, producerOf, usesOf, positionOf }) => {
      if (node.name === 'a') return emit({ type: 'unary', function: { name: 'relu' } }, node.inputs, 'a');
      const producer = producerOf(node.inputs[0]);
      if (node.name === 'b' && producer) {
        seen.push(node.inputs[0] === a, producer.name, usesOf(node.inputs[0]), positionOf(producer));
      }
      return undefined;
    });
    expect(seen).toEqual([false, 'a', 2, 0]);
  });

  it('keeps the names of outputs whose values are replaced', () => {
    const { graph } = example();
    // b becomes a, which is no output yet; c becomes a as well, and needs a tensor of its own.
    const rewritten = rewrite(graph, (node) => (node.name === 'b' || node.name === 'c' ? [node.inputs[0]] : undefined));
    expect(rewritten.outputs.map((output) => output.name)).toEqual(['c', 'b']);
    expect(new Set(rewritten.outputs).size).toBe(2);
    expect(run(rewritten)).toEqual([
      [0, 2],
      [0, 2],
    ]);
  });

  it('keeps the names of outputs that become inputs or constants', () => {
    const builder = new Builder();
    const x = builder.input('x', 'float', [2]);
    const graph = builder.finish('example', [builder.unary('relu', x, 'a'), builder.unary('exp', x, 'b')]);
    const constant = builder.floats('seven', [2], [7, 7]);
    const rewritten = rewrite(graph, (node) => (node.name === 'a' ? [x] : [constant]));
    expect(rewritten.outputs.map((output) => output.name)).toEqual(['a', 'b']);
    expect(rewritten.inputs).toEqual([x]);
    expect(run(rewritten)).toEqual([
      [-1, 2],
      [7, 7],
    ]);
  });

  it('refuses a replacement of another type', () => {
    const { graph, x } = example();
    const wrong: Value = { ...x, shape: [3] };
    expect(() => rewrite(graph, () => [wrong])).toThrow(/a: a rewrite gives float \[3\] for float \[2\]/);
  });
});

describe('executeReference', () => {
  it('refuses missing inputs and inputs of another shape', () => {
    const { graph } = example();
    expect(() => executeReference(graph, new Map())).toThrow(ShapeError);
    expect(() => executeReference(graph, new Map([['x', floatTensor([3])]]))).toThrow(
      /input x must be float \[2\], it is float \[3\]/,
    );
  });

  it('returns inputs and constants that are outputs', () => {
    const builder = new Builder();
    const x = builder.input('x', 'float', [2]);
    const graph = builder.finish('example', [builder.floats('k', [], [3]), x, builder.unary('relu', x, 'y')]);
    expect(run(graph)).toEqual([[3], [-1, 2], [0, 2]]);
  });
});

describe('printGraph', () => {
  it('prints a line for each node, with attributes, types and small constants', () => {
    const builder = new Builder();
    const x = builder.input('x', 'float', [1, 3, 4, 4]);
    const weight = builder.floats('w', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]);
    const bias = builder.floats('b', [2], [0.1, 0]);
    const convolved = builder.apply(
      {
        type: 'conv2d',
        strides: [2, 2],
        pads: [0, 0, 0, 0],
        dilations: [1, 1],
        groups: 1,
        epilogue: [{ name: 'leakyRelu', alpha: 0.1 }, { name: 'relu' }],
      },
      [x, weight, bias],
      'conv',
    );
    const scaled = builder.multiply(convolved, builder.floats('s', [], [2]), 'scaled');
    builder.add({ type: 'topK', axis: 1, k: 1, largest: true }, [scaled], 'top', ['values', 'indices']);
    expect(printGraph(builder.finish('example', [scaled]))).toBe(
      [
        'graph example',
        'input x float[1,3,4,4]',
        'conv2d strides=[2,2] pads=[0,0,0,0] dilations=[1,1] groups=1 epilogue=[leakyRelu(alpha=0.1),relu] ' +
          '(x float[1,3,4,4], w constant float[2,3,1,1], float[2]{0.1,0}) -> conv float[1,2,2,2]',
        'binary function=multiply (conv float[1,2,2,2], 2) -> scaled float[1,2,2,2]',
        'topK axis=1 k=1 largest=true (scaled float[1,2,2,2]) -> values float[1,1,2,2], indices int[1,1,2,2]',
        'output scaled float[1,2,2,2]',
        '',
      ].join('\n'),
    );
  });
});
