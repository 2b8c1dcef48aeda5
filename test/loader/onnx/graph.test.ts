import { describe, expect, test } from 'vitest';
import { ModelFormatError, UnsupportedModelError } from '../../../engine/errors.ts';
import type { AttributeValue, FileGraph } from '../../../loader/model-file.ts';
import { parseOnnx } from '../../../loader/onnx/parse.ts';
import * as onnx from '../../support/onnx-writer.ts';
import { ProtobufWriter } from '../../support/protobuf-writer.ts';
import { storeTensor } from '../../support/tensor-bytes.ts';

const x = { name: 'x', type: 'float32', dims: [1, 4] } as const;
const y = { name: 'y', type: 'float32', dims: [1, 4] } as const;
const relu: onnx.OnnxNode = { operator: 'Relu', inputs: ['x'], outputs: ['y'] };
const small: onnx.OnnxModel = { inputs: [x], outputs: [y], nodes: [relu] };

function read(model: Partial<onnx.OnnxModel>): FileGraph {
  return graphOf(onnx.writeOnnx({ ...small, ...model }));
}

function graphOf(file: Uint8Array): FileGraph {
  const { graph } = parseOnnx(file, 'test');
  if (graph === undefined) throw new Error('no graph');
  return graph;
}

/** What parsing throws, which must be of this class. */
function thrownBy<E extends Error>(parse: () => unknown, ErrorType: abstract new (...args: never[]) => E): E {
  try {
    parse();
  } catch (error) {
    if (error instanceof ErrorType) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a model', () => {
  test('with everything in its place', () => {
    const initializer = { name: 'w', type: 'float16', dims: [2], data: [1, -2] } as const;
    const file = parseOnnx(
      onnx.writeOnnx({
        graphName: 'network',
        inputs: [x],
        outputs: [y],
        initializers: [initializer],
        nodes: [
          {
            operator: 'Clip',
            name: 'clip',
            inputs: ['x', '', 'w'],
            outputs: ['a', ''],
            attributes: { k: onnx.int(3) },
          },
          { operator: 'Gelu', domain: 'com.microsoft', inputs: ['a'], outputs: ['y'] },
        ],
        metadata: { names: "{0: 'person'}", stride: '32' },
      }),
      'model.onnx',
    );
    expect(file).toEqual({
      format: 'onnx',
      source: 'model.onnx',
      tensors: new Map([['w', storeTensor(initializer)]]),
      metadata: new Map([
        ['names', "{0: 'person'}"],
        ['stride', '32'],
      ]),
      graph: {
        name: 'network',
        opsets: new Map([
          ['', 17],
          ['com.microsoft', 1],
        ]),
        inputs: [x],
        outputs: [y],
        nodes: [
          {
            name: 'clip',
            operator: 'Clip',
            domain: '',
            inputs: ['x', '', 'w'],
            outputs: ['a', ''],
            attributes: new Map([['k', { kind: 'int', value: 3 }]]),
          },
          {
            name: 'Gelu:y',
            operator: 'Gelu',
            domain: 'com.microsoft',
            inputs: ['a'],
            outputs: ['y'],
            attributes: new Map(),
          },
        ],
      },
    });
  });

  test('leaves initializers out of its inputs, which old exporters list there', () => {
    const w = { name: 'w', type: 'float32', dims: [4] } as const;
    const node = { operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] };
    const graph = read({ inputs: [w, x], initializers: [{ ...w, data: [1, 2, 3, 4] }], nodes: [node] });
    expect(graph.inputs).toEqual([x]);
  });

  test('names its unnamed nodes by operator and first output', () => {
    const node = { operator: 'Dropout', inputs: ['x'], outputs: ['', 'y'] };
    expect(read({ nodes: [node] }).nodes[0].name).toBe('Dropout:y');
  });

  test('may name an initializer or an input as its output', () => {
    expect(read({ outputs: [x, y] }).outputs.map(({ name }) => name)).toEqual(['x', 'y']);
  });

  test('may state its graph in parts, which add up as protobuf says', () => {
    const parts = onnx.wrapGraph(onnx.graphMessage({ ...small, outputs: [] }));
    parts.message(7, new ProtobufWriter().message(12, onnx.valueMessage(y)));
    expect(graphOf(parts.finish())).toEqual({ ...read({}), opsets: new Map([['', 17]]) });
  });

  test("spells ONNX's own domain in two ways", () => {
    const graph = read({ nodes: [{ ...relu, domain: 'ai.onnx' }], domains: { 'ai.onnx': 17 } });
    expect(graph.nodes[0].domain).toBe('');
    expect(graph.opsets).toEqual(new Map([['', 17]]));
  });
});

describe('values', () => {
  test('keep open dimensions open', () => {
    const dims = ['batch', 3, '?', -1, 0];
    expect(read({ inputs: [{ ...x, dims }] }).inputs[0]).toEqual({ ...x, dims: ['batch', 3, '?', '?', 0] });
  });

  test('may have an unknown rank, which is not that of a scalar', () => {
    const graph = read({ inputs: [{ ...x, dims: [] }], outputs: [{ name: 'y', type: 'float32' }] });
    expect(graph.inputs[0]).toEqual({ ...x, dims: [] });
    expect(graph.outputs[0]).toEqual({ ...y, dims: [], unknownRank: true });
  });

  test.each(Object.keys(onnx.dataTypes) as (keyof typeof onnx.dataTypes)[])('may be %s', (type) => {
    expect(read({ inputs: [{ ...x, type }] }).inputs[0].type).toBe(type);
  });

  const withInput = (message: ProtobufWriter) =>
    onnx.wrapGraph(onnx.graphMessage({ ...small, inputs: [] }).message(11, message)).finish();
  const typed = (field: number, type: ProtobufWriter) =>
    new ProtobufWriter().string(1, 'x').message(2, new ProtobufWriter().message(field, type));

  test.each<[string, ProtobufWriter, string]>([
    ['strings', typed(1, new ProtobufWriter().int(1, 8)), 'graph input "x" is a tensor of string'],
    ['sequences', typed(4, new ProtobufWriter()), 'is a sequence'],
    ['maps', typed(5, new ProtobufWriter()), 'is a map'],
    ['sparse tensors', typed(8, new ProtobufWriter()), 'is a sparse tensor'],
    ['optional values', typed(9, new ProtobufWriter()), 'is an optional value'],
  ])('that are %s are refused', (_, message, text) => {
    const error = thrownBy(() => parseOnnx(withInput(message), 'test'), UnsupportedModelError);
    expect(error.message).toContain(text);
    expect(error.features).toMatchObject([{ node: 'x', operator: 'graph input' }]);
  });

  test('without a name or a type are refused', () => {
    const unnamed = new ProtobufWriter().message(2, new ProtobufWriter());
    expect(() => parseOnnx(withInput(unnamed), 'test')).toThrow('a graph input has no name');
    const untyped = new ProtobufWriter().string(1, 'x');
    expect(() => parseOnnx(withInput(untyped), 'test')).toThrow('graph input "x" states no element type');
  });
});

describe('attributes', () => {
  function attribute(written: onnx.OnnxAttribute): AttributeValue | undefined {
    return read({ nodes: [{ ...relu, attributes: { a: written } }] }).nodes[0].attributes.get('a');
  }
  const tensorOf = { type: 'int64', dims: [2], data: [1, -1] } as const;

  test.each<[string, onnx.OnnxAttribute, AttributeValue]>([
    ['a float', onnx.float(0.5), { kind: 'float', value: 0.5 }],
    ['an integer', onnx.int(-7), { kind: 'int', value: -7 }],
    ['a string', onnx.string('nearest'), { kind: 'string', value: 'nearest' }],
    ['floats', onnx.floats(1, -0.25), { kind: 'floats', value: [1, -0.25] }],
    ['no floats', onnx.floats(), { kind: 'floats', value: [] }],
    ['integers', onnx.ints(1, -1, 0), { kind: 'ints', value: [1, -1, 0] }],
    ['packed integers', (m) => m.packedInts(8, [5, -6]).int(20, 7), { kind: 'ints', value: [5, -6] }],
    [
      'packed floats',
      (m) => m.bytes(7, new Uint8Array(Float32Array.of(5, -6).buffer)).int(20, 6),
      { kind: 'floats', value: [5, -6] },
    ],
    [
      'integers beyond 2^53',
      onnx.ints(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n - 1n),
      { kind: 'ints', value: [2 ** 53, -(2 ** 53), 2 ** 53 - 1] },
    ],
    ['strings', onnx.strings('a', 'ü'), { kind: 'strings', value: ['a', 'ü'] }],
    ['a zero that the writer left out', (m) => m.int(20, 1), { kind: 'float', value: 0 }],
    ['an empty string that the writer left out', (m) => m.int(20, 3), { kind: 'string', value: '' }],
    ['a value without a type', (m) => m.int(3, 4), { kind: 'int', value: 4 }],
    ['a tensor', onnx.tensor(tensorOf), { kind: 'tensor', value: storeTensor({ ...tensorOf, name: 'a of Relu:y' }) }],
    ['a subgraph', onnx.graph(small), { kind: 'unsupported', value: 'graph' }],
    ['subgraphs', (m) => m.int(20, 10), { kind: 'unsupported', value: 'graphs' }],
    ['a sparse tensor', (m) => m.bytes(22, new Uint8Array()), { kind: 'unsupported', value: 'sparse_tensor' }],
    ['a later type', (m) => m.int(20, 77), { kind: 'unsupported', value: 'unknown attribute type 77' }],
    ['nothing', () => {}, { kind: 'unsupported', value: 'unknown attribute type 0' }],
    [
      'a string that is not UTF-8',
      (m) => m.bytes(4, Uint8Array.of(0xff)).int(20, 3),
      { kind: 'unsupported', value: 'string that is not UTF-8' },
    ],
    [
      'strings of which one is not UTF-8',
      (m) => m.string(9, 'a').bytes(9, Uint8Array.of(0xff)).int(20, 8),
      { kind: 'unsupported', value: 'strings that are not UTF-8' },
    ],
    [
      'a reference',
      (m) => m.string(21, 'outer').int(20, 2),
      { kind: 'unsupported', value: 'reference to a function attribute' },
    ],
  ])('%s', (_, written, value) => {
    expect(attribute(written)).toEqual(value);
  });

  test.each<[string, onnx.OnnxAttribute]>([
    ['integers', (m) => m.packedInts(8, Array(65537).fill(1)).int(20, 7)],
    ['floats', (m) => m.bytes(7, new Uint8Array(4 * 65537)).int(20, 6)],
  ])('more than 65536 %s are refused', (_, written) => {
    expect(() => attribute(written)).toThrow(ModelFormatError);
    expect(() => attribute(written)).toThrow('more than 65536 values');
  });

  test('a tensor that is not there is refused', () => {
    expect(() => attribute((m) => m.int(20, 4))).toThrow('attribute "a" of node "Relu:y" states no tensor');
  });

  test('a tensor of an unsupported type is refused by node and name', () => {
    const int4 = new ProtobufWriter().int(1, 1).int(2, 22).bytes(9, Uint8Array.of(1));
    const error = thrownBy(() => attribute((m) => m.message(5, int4).int(20, 4)), UnsupportedModelError);
    expect(error.features).toEqual([{ node: 'Relu:y', operator: 'Relu', reason: 'tensor "a of Relu:y" is of int4' }]);
  });

  test('a name must be there, and only once', () => {
    const node = onnx.nodeMessage(relu);
    const graph = (message: ProtobufWriter) =>
      onnx.wrapGraph(onnx.graphMessage({ ...small, nodes: [] }).message(1, message)).finish();
    const unnamed = new ProtobufWriter().int(3, 1);
    expect(() => parseOnnx(graph(node.message(5, unnamed)), 'test')).toThrow('has no name');
    const named = () => new ProtobufWriter().string(1, 'a').int(3, 1);
    const twice = onnx.nodeMessage(relu).message(5, named()).message(5, named());
    expect(() => parseOnnx(graph(twice), 'test')).toThrow('node "Relu:y" states attribute "a" twice');
  });
});

describe('graphs that contradict themselves are refused', () => {
  const w = { name: 'w', type: 'float32', dims: [1], data: [1] } as const;
  test.each<[string, Partial<onnx.OnnxModel>, string]>([
    ['no nodes', { nodes: [], outputs: [x] }, 'test has no nodes'],
    ['no outputs', { outputs: [] }, 'test has no outputs'],
    ['an unknown value', { nodes: [{ ...relu, inputs: ['z'] }] }, 'node "Relu:y" uses "z" before anything makes it'],
    [
      'nodes out of order',
      {
        nodes: [
          { operator: 'Relu', name: 'first', inputs: ['a'], outputs: ['y'] },
          { operator: 'Abs', inputs: ['x'], outputs: ['a'] },
        ],
      },
      'node "first" uses "a" before anything makes it',
    ],
    ['a node that feeds itself', { nodes: [{ ...relu, inputs: ['y'] }] }, 'uses "y" before anything makes it'],
    ['a value made twice', { nodes: [relu, relu] }, 'node "Relu:y" makes a value, and "y" exists already'],
    ['an input made again', { nodes: [{ ...relu, outputs: ['x'] }] }, '"x" exists already'],
    ['an initializer made again', { initializers: [{ ...w, name: 'y' }] }, '"y" exists already'],
    ['two inputs of one name', { inputs: [x, x] }, 'graph input "x" exists already'],
    ['two initializers of one name', { initializers: [w, w] }, 'initializer "w" is stated twice'],
    ['an initializer without a name', { initializers: [{ ...w, name: '' }] }, 'an initializer has no name'],
    ['an output that nothing makes', { outputs: [{ ...y, name: 'z' }] }, 'nothing makes the graph output "z"'],
    ['a node without an operator', { nodes: [{ ...relu, operator: '' }] }, 'has no operator'],
  ])('%s', (_, model, message) => {
    const error = thrownBy(() => read(model), ModelFormatError);
    expect(error.message).toContain(message);
  });

  test('no graph at all', () => {
    expect(() => graphOf(new ProtobufWriter().int(1, 8).finish())).toThrow('test has no nodes');
  });

  test('no IR version', () => {
    expect(() => graphOf(new ProtobufWriter().message(7, onnx.graphMessage(small)).finish())).toThrow(ModelFormatError);
    expect(() => graphOf(new Uint8Array())).toThrow('states no ONNX IR version');
  });
});

test('a name from the file stays on one line of the message, and short', () => {
  const name = `first\nsecond${'x'.repeat(10_000)}`;
  const { message } = thrownBy(() => read({ nodes: [{ ...relu, inputs: [name] }] }), ModelFormatError);
  expect(message).toContain('uses "first\\nsecondxxx');
  expect(message).not.toContain('\n');
  expect(message.length).toBeLessThan(300);
});

describe('operator sets', () => {
  test.each([7, 12, 22])('%d is read', (opset) => {
    expect(read({ opset }).opsets.get('')).toBe(opset);
  });

  test.each([0, 1, 6, 23, 24])('%d is refused by number', (opset) => {
    expect(() => read({ opset })).toThrow(UnsupportedModelError);
    expect(() => read({ opset })).toThrow(`test uses opset ${opset} of ONNX; export it with an opset from 7 to 22`);
  });

  test('of other domains are kept', () => {
    expect(read({ domains: { 'com.example': 99 } }).opsets.get('com.example')).toBe(99);
  });

  test('must be stated, in one version', () => {
    const model = () => new ProtobufWriter().int(1, 8).message(7, onnx.graphMessage(small));
    const opset = (version: number) => new ProtobufWriter().int(2, version);
    expect(() => graphOf(model().finish())).toThrow("doesn't state the version");
    expect(() => graphOf(model().message(8, opset(17)).message(8, opset(18).string(1, 'ai.onnx')).finish())).toThrow(
      'two versions of operators "" are imported',
    );
  });
});

describe('what is well-formed and not read', () => {
  test('functions, where a node calls one', () => {
    const helper = new ProtobufWriter().string(1, 'Helper').string(10, 'local');
    const model = (node: onnx.OnnxNode) =>
      onnx
        .wrapGraph(onnx.graphMessage({ ...small, nodes: [node] }))
        .message(25, helper)
        .finish();
    expect(graphOf(model(relu)).nodes.length).toBe(1);
    const call = { ...relu, operator: 'Helper', domain: 'local' };
    const error = thrownBy(() => graphOf(model(call)), UnsupportedModelError);
    expect(error.features).toMatchObject([{ node: 'Helper:y', operator: 'Helper' }]);
  });

  test('sparse initializers, by name, all at once with what else there is', () => {
    const values = new ProtobufWriter().int(2, 1).string(8, 'sparse_w');
    const strings = new ProtobufWriter().int(1, 0).int(2, 8).string(8, 'text');
    const graph = onnx.graphMessage(small).message(15, new ProtobufWriter().message(1, values)).message(5, strings);
    const error = thrownBy(() => graphOf(onnx.wrapGraph(graph).finish()), UnsupportedModelError);
    expect(error.features).toEqual([
      { node: 'sparse_w', operator: 'initializer', reason: 'tensor "sparse_w" is sparse' },
      { node: 'text', operator: 'initializer', reason: 'tensor "text" is of string' },
    ]);
    expect(error.message).toContain('tensor "sparse_w" is sparse; tensor "text" is of string');
  });

  test('a long list is cut in the message, not in the error', () => {
    const graph = onnx.graphMessage(small);
    for (let i = 0; i < 25; i++) graph.message(5, new ProtobufWriter().int(2, 8).string(8, `t${i}`));
    const error = thrownBy(() => graphOf(onnx.wrapGraph(graph).finish()), UnsupportedModelError);
    expect(error.features.length).toBe(25);
    expect(error.message).toMatch(/"t9" is of string; and 15 more$/);
  });
});

test('a small file cut off anywhere is refused, or is a whole file itself', () => {
  const whole = onnx.writeOnnx({
    ...small,
    initializers: [{ name: 'w', type: 'float32', dims: [2, 2], data: [1, 2, 3, 4] }],
    nodes: [
      { ...relu, attributes: { axes: onnx.ints(1, 2), value: onnx.tensor({ type: 'int8', dims: [1], data: [1] }) } },
    ],
    metadata: { stride: '32', task: 'detect' },
  });
  const readable: number[] = [];
  for (let length = 0; length < whole.length; length++) {
    try {
      parseOnnx(whole.subarray(0, length), 'test');
      readable.push(length);
    } catch (error) {
      expect(error).toBeInstanceOf(ModelFormatError);
    }
  }
  // Without its metadata, of two entries at the end, it is a whole file still.
  const entry = (key: string, value: string) => key.length + value.length + 6;
  const last = whole.length - entry('task', 'detect');
  expect(readable).toEqual([last - entry('stride', '32'), last]);
});
