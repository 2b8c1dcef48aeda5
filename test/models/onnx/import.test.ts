import { describe, expect, test } from 'vitest';
import { InvalidArgumentError, ModelFormatError, UnsupportedModelError } from '../../../engine/errors.ts';
import type { Graph } from '../../../engine/graph/types.ts';
import { float, graph, int, ints, type OnnxModel, type OnnxNode } from '../../support/onnx-writer.ts';
import { importModel } from './operator-case.ts';

function chain(...nodes: OnnxNode[]): OnnxModel {
  return {
    inputs: [{ name: 'x', type: 'float32', dims: [1, 2, 4, 4] }],
    outputs: [{ name: 'y', type: 'float32' }],
    nodes,
  };
}

function relu(input: string, output: string): OnnxNode {
  return { operator: 'Relu', inputs: [input], outputs: [output] };
}

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('unsupported nodes', () => {
  const model = chain(
    { operator: 'Einsum', name: 'first', inputs: ['x'], outputs: ['a'] },
    relu('a', 'b'),
    { operator: 'Softmax', name: 'fine', inputs: ['x'], outputs: ['c'] },
    { operator: 'Frobnicate', domain: 'org.example', inputs: ['b'], outputs: ['d'] },
    { operator: 'Gelu', name: 'third', inputs: ['x'], outputs: ['e'], attributes: { approximate: int(1) } },
    { operator: 'Sum', inputs: ['c', 'd', 'x'], outputs: ['y'] },
    { operator: 'Loop', name: 'unused', inputs: ['x'], outputs: ['z'] },
  );

  test('are listed all at once, without those that only depend on them or are not needed', () => {
    const error = thrownBy(() => importModel({ ...model, nodes: model.nodes.filter(({ name }) => name !== 'third') }));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect((error as UnsupportedModelError).features).toEqual([
      { node: 'first', operator: 'Einsum', reason: 'the operator is not supported' },
      { node: 'Frobnicate:d', operator: 'org.example.Frobnicate', reason: 'the operator is not supported' },
    ]);
    expect(error.message).toBe(
      'test.onnx has 2 nodes that can\'t run: "first" (Einsum): the operator is not supported; ' +
        '"Frobnicate:d" (org.example.Frobnicate): the operator is not supported',
    );
  });

  test('with subgraphs say what to do', () => {
    const branch: OnnxModel = { inputs: [], outputs: [{ name: 'b', type: 'float32' }], nodes: [relu('x', 'b')] };
    const attributes = { then_branch: graph(branch), else_branch: graph(branch) };
    const error = thrownBy(() => importModel(chain({ operator: 'If', inputs: ['x'], outputs: ['y'], attributes })));
    expect(error.message).toMatch(/"If:y" \(If\): a subgraph chosen at run time .* export without control flow/);
  });

  test('named like a property of every object are not found by accident', () => {
    for (const operator of ['constructor', 'toString', '__proto__']) {
      const error = thrownBy(() => importModel(chain({ operator, inputs: ['x'], outputs: ['y'] })));
      expect(error).toBeInstanceOf(UnsupportedModelError);
    }
  });
});

describe('outputs that are not computed', () => {
  const pool: OnnxNode = {
    operator: 'MaxPool',
    name: 'pool',
    inputs: ['x'],
    outputs: ['y', 'indices'],
    attributes: { kernel_shape: ints(2, 2) },
  };

  test('do no harm where nothing reads them', () => {
    expect(importModel(chain(pool)).outputs[0].shape).toEqual([1, 2, 3, 3]);
  });

  test('are reported where something does', () => {
    const features = [{ node: 'pool', operator: 'MaxPool', reason: 'its output 1 is not computed' }];
    const read = chain(
      { ...pool, outputs: ['a', 'indices'] },
      { operator: 'Cast', inputs: ['indices'], outputs: ['y'] },
    );
    expect(thrownBy(() => importModel(read))).toMatchObject({ features });
    const returned = { ...chain(pool), outputs: [{ name: 'indices', type: 'int64' as const }] };
    expect(thrownBy(() => importModel(returned))).toMatchObject({ features });
  });
});

describe('malformed nodes', () => {
  const cases: [string, OnnxNode, RegExp][] = [
    ['a missing input', { operator: 'Add', inputs: ['x'], outputs: ['y'] }, /"n" \(Add\): input 1 is missing/],
    [
      'a missing attribute',
      { operator: 'Concat', inputs: ['x', 'x'], outputs: ['y'] },
      /"n" \(Concat\): attribute axis is missing/,
    ],
    [
      'an attribute of another kind',
      { operator: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: float(1) } },
      /attribute axis is of kind float, it must be int/,
    ],
    [
      'an axis outside',
      { operator: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: int(4) } },
      /axis 4 is outside 4 dimensions/,
    ],
    [
      'a permutation of the wrong length',
      { operator: 'Transpose', inputs: ['x'], outputs: ['y'], attributes: { perm: ints(0, 2, 1) } },
      /"n" \(Transpose\): /,
    ],
    [
      'a stride of zero',
      {
        operator: 'MaxPool',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { kernel_shape: ints(2, 2), strides: ints(0, 0), ceil_mode: int(1) },
      },
      /"n" \(MaxPool\): /,
    ],
    [
      'block sizes of zero',
      { operator: 'DepthToSpace', inputs: ['x'], outputs: ['y'], attributes: { blocksize: int(0) } },
      /"n" \(DepthToSpace\): /,
    ],
    [
      'groups of zero',
      { operator: 'GroupNormalization', inputs: ['x', 'x', 'x'], outputs: ['y'], attributes: { num_groups: int(0) } },
      /"n" \(GroupNormalization\): /,
    ],
  ];
  for (const [title, node, message] of cases) {
    test(`${title} is an error of the file that names the node`, () => {
      const error = thrownBy(() => importModel(chain({ ...node, name: 'n' })));
      expect(error).toBeInstanceOf(ModelFormatError);
      expect(error.message).toMatch(/^test\.onnx: node "n"/);
      expect(error.message).toMatch(message);
    });
  }
});

describe('outputs', () => {
  const names = ({ outputs }: Graph) => outputs.map(({ name }) => name);

  test('keep their names where the last node changes nothing', () => {
    const model = chain(relu('x', 'a'), { operator: 'Identity', inputs: ['a'], outputs: ['y'] });
    const imported = importModel(model);
    expect(names(imported)).toEqual(['y']);
    expect(imported.nodes).toHaveLength(1);
    expect(imported.nodes[0].outputs[0]).toBe(imported.outputs[0]);
  });

  test('that are one value, or an input, are copies', () => {
    const model: OnnxModel = {
      ...chain(
        relu('x', 'a'),
        { operator: 'Identity', inputs: ['a'], outputs: ['y'] },
        { operator: 'Identity', inputs: ['a'], outputs: ['z'] },
        { operator: 'Identity', inputs: ['x'], outputs: ['same'] },
      ),
      outputs: ['y', 'z', 'same'].map((name) => ({ name, type: 'float32' as const })),
    };
    const imported = importModel(model);
    expect(names(imported)).toEqual(['y', 'z', 'same']);
    expect(imported.nodes.map(({ op }) => op.type)).toEqual(['unary', 'reshape', 'reshape']);
    const computed = new Set(imported.nodes.flatMap((node) => node.outputs));
    for (const output of imported.outputs) expect(computed.has(output)).toBe(true);
  });

  test('can be chosen among all values, and leave out what they do not need', () => {
    const model = chain(relu('x', 'a'), { operator: 'Einsum', inputs: ['a'], outputs: ['y'] });
    const imported = importModel(model, { outputs: ['a'] });
    expect(names(imported)).toEqual(['a']);
    expect(() => importModel(model, { outputs: ['b'] })).toThrow(InvalidArgumentError);
  });
});

describe('input shapes', () => {
  const model: OnnxModel = {
    inputs: [
      { name: 'x', type: 'float32', dims: ['batch', 3, 'height', '?'] },
      { name: 'z', type: 'float16', dims: ['batch', 3, 'height', 1] },
    ],
    outputs: [{ name: 'y', type: 'float32' }],
    nodes: [{ operator: 'Add', inputs: ['x', 'z'], outputs: ['y'] }],
  };

  test('bind symbols in every input, and the batch to 1 by default', () => {
    const imported = importModel(model, { inputShapes: { x: [2, 3, 8, 10] } });
    expect(imported.inputs.map(({ shape }) => shape)).toEqual([
      [2, 3, 8, 10],
      [2, 3, 8, 1],
    ]);
    const single = importModel(
      { ...model, inputs: [{ name: 'x', type: 'float32', dims: ['?', 3, 4, 4] }, model.inputs[1]] },
      {
        inputShapes: { z: [1, 3, 4, 1] },
      },
    );
    expect(single.inputs[0].shape).toEqual([1, 3, 4, 4]);
  });

  test('that are open and not stated name the input', () => {
    expect(() => importModel(model)).toThrow(
      /input "x" is batchx3xheightx\?; state a shape for it, dimension 2 is open/,
    );
  });

  for (const [title, inputShapes] of [
    ['another fixed size', { x: [1, 4, 8, 8] }],
    ['another rank', { x: [3, 8, 8] }],
    ['no size', { x: [1, 3, 0, 8] }],
    ['two sizes for one symbol', { x: [1, 3, 8, 8], z: [1, 3, 9, 1] }],
    ['an input that there is not', { images: [1, 3, 8, 8] }],
  ] as const) {
    test(`that state ${title} are refused`, () => {
      expect(() => importModel(model, { inputShapes })).toThrow(InvalidArgumentError);
    });
  }
});
