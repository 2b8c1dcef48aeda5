import { describe, expect, test } from 'vitest';
import { int } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, given, importModel, int64s, modelOf, scalar, weights } from './operator-case.ts';

describe('Gather', () => {
  const x = fed([4, 5, 3]);
  const attributes = { axis: int(1) };
  agrees('of one index', { operator: 'Gather', inputs: [x, scalar('int64', -2)], attributes });
  agrees('of indices in order', { operator: 'Gather', inputs: [x, int64s(2, 1, 0)], attributes });
  agrees('of indices without order', { operator: 'Gather', inputs: [x, int64s(0, 0, 3, 1)], attributes });
  agrees('of a table of indices', { operator: 'Gather', inputs: [x, constant('int64', [2, 2], [0, 1, 2, 3])] });
  agrees('of computed indices', { operator: 'Gather', inputs: [x, given('int64', [2], [3, -4])] });

  test('of neighbouring indices is a slice', () => {
    const graph = importModel(modelOf({ operator: 'Gather', inputs: [x, int64s(1, 2, 3)], attributes }));
    expect(graph.nodes.map(({ op }) => op.type)).toEqual(['slice']);
  });

  test('of an index outside is an error of the file', () => {
    const model = modelOf({ operator: 'Gather', inputs: [x, scalar('int64', 5)], attributes });
    expect(() => importModel(model)).toThrow(/"node" \(Gather\): index 5 is outside a dimension of 5/);
  });
});

describe('selection by index tensors', () => {
  agrees('GatherElements', {
    operator: 'GatherElements',
    inputs: [fed([3, 4]), given('int64', [3, 2], [0, 3, -1, 1, 2, 2])],
    attributes: { axis: int(1) },
  });
  agrees('GatherND of elements', {
    operator: 'GatherND',
    inputs: [fed([3, 4]), given('int64', [3, 2], [0, 1, 2, 3, -1, -2])],
  });
  agrees('GatherND of slices', {
    operator: 'GatherND',
    inputs: [fed([3, 4, 2]), given('int64', [2, 1, 2], [0, 1, 2, 3])],
  });
  agrees('GatherND of rows', { operator: 'GatherND', inputs: [fed([3, 4]), given('int64', [2, 1], [2, 0])] });
  agrees('ScatterND', {
    operator: 'ScatterND',
    inputs: [fed([4, 3]), constant('int64', [2, 1], [3, 0]), weights([2, 3])],
  });
  for (const [operator, opset] of [
    ['ScatterElements', 13],
    ['Scatter', 9],
  ] as const) {
    agrees(operator, {
      operator,
      opset,
      inputs: [fed([3, 4]), given('int64', [2, 2], [1, 3, 0, 2]), weights([2, 2])],
      attributes: { axis: int(1) },
    });
  }
});

describe('TopK', () => {
  const outputs = ['float32', 'int64'] as const;
  agrees('by input', { operator: 'TopK', inputs: [fed([3, 7]), int64s(4)], outputs });
  agrees('by attribute', { operator: 'TopK', opset: 9, inputs: [fed([3, 7])], attributes: { k: int(2) }, outputs });
  agrees('in version 10', { operator: 'TopK', opset: 10, inputs: [fed([3, 7]), int64s(2)], outputs });
  agrees('of the smallest along an axis', {
    operator: 'TopK',
    inputs: [fed([7, 3]), int64s(3)],
    attributes: { axis: int(0), largest: int(0) },
    outputs,
  });
  for (const operator of ['ArgMax', 'ArgMin']) {
    agrees(operator, { operator, inputs: [fed([3, 5])], attributes: { axis: int(1) }, outputs: ['int64'] });
    agrees(`${operator} without the axis`, {
      operator,
      inputs: [fed([3, 5])],
      attributes: { axis: int(-1), keepdims: int(0) },
      outputs: ['int64'],
    });
  }
});
