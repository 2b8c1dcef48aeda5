import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../../../engine/errors.ts';
import { executeReference } from '../../../engine/graph/execute.ts';
import { elementCount } from '../../../engine/graph/indexing.ts';
import type { Op } from '../../../engine/graph/op.ts';
import type { DenseTensor, Graph, Shape, Value } from '../../../engine/graph/types.ts';
import { setBatch } from '../../../engine/passes/set-batch.ts';
import { NetworkBuilder } from '../../support/network.ts';
import { sampleNetworks } from '../../support/sample-networks.ts';
import { expectClose, randomTensor } from '../../support/tensors.ts';

const IMAGES = 3;

/** What is the images' own, one after another along axis 0. */
function stack(tensors: readonly DenseTensor[]): DenseTensor {
  const [{ kind, shape }] = tensors;
  const data = tensors.flatMap((tensor) => Array.from(tensor.data));
  const stacked = shape.length === 0 ? [tensors.length] : [tensors.length * shape[0], ...shape.slice(1)];
  return { kind, shape: stacked, data: Float64Array.from(data) };
}

/** The graph for three images gives what the graph for one gives for each of them. */
function expectSameAsOneByOne(graph: Graph): Graph {
  const batched = setBatch(graph, IMAGES);
  const single = Array.from(
    { length: IMAGES },
    (_, image) => new Map(graph.inputs.map(({ name, shape }, i) => [name, randomTensor(10 * image + i, shape)])),
  );
  const all = new Map(
    graph.inputs.map(({ name }) => [name, stack(single.map((inputs) => inputs.get(name) as DenseTensor))]),
  );
  const expected = single.map((inputs) => executeReference(graph, inputs));
  const found = executeReference(batched, all);
  expect(batched.outputs.map(({ name }) => name)).toEqual(graph.outputs.map(({ name }) => name));
  found.forEach((tensor, index) => {
    expectClose(tensor, stack(expected.map((outputs) => outputs[index])), 1e-6);
  });
  return batched;
}

function oneOp(
  op: Op,
  shape: Shape,
  others: (build: NetworkBuilder, x: Value) => readonly Value[] = () => [],
): () => Graph {
  return () => {
    const build = new NetworkBuilder();
    const input = build.input('x', 'float', [1, elementCount(shape)]);
    // Not every value has a first dimension of 1.
    const x = build.apply({ type: 'reshape', shape }, [input], 'shaped');
    return build.finish(op.type, build.add(op, [x, ...others(build, x)], 'y'));
  };
}

/** Row numbers 0 ... rows - 1 that depend on the image, some of them counted from the end. */
function rowNumbers(build: NetworkBuilder, x: Value, shape: Shape, rows: number): Value {
  const count = elementCount(shape);
  const flat = build.apply({ type: 'reshape', shape: [elementCount(x.shape)] }, [x], 'flat');
  const first = build.apply({ type: 'slice', starts: [0], sizes: [count], steps: [1] }, [flat], 'some');
  const spread = build.binary('multiply', first, rows - 0.01);
  const whole = build.apply({ type: 'cast', to: 'int' }, [spread], 'whole');
  return build.apply({ type: 'reshape', shape }, [whole], 'indices');
}

const attention = { type: 'attention', heads: 2, scale: 0.5 } as const;

const distanceBoxes = { type: 'distanceBoxes', bins: [], axis: 1, form: 'corners' } as const;

const add = { type: 'binary', function: 'add' } as const;

describe('setBatch', () => {
  it.each(sampleNetworks.map((make) => [make().name, make] as const))(
    'keeps what a network computes: %s',
    (_, make) => {
      const graph = make();
      const batched = expectSameAsOneByOne(graph);
      expect(batched.nodes.map(({ op }) => op.type)).toEqual(graph.nodes.map(({ op }) => op.type));
    },
  );

  it('leaves the graph for one image alone', () => {
    const [make] = sampleNetworks;
    const graph = make();
    expect(setBatch(graph, 1)).toBe(graph);
  });

  it.each<[string, () => Graph]>([
    ['a sum with a constant row', oneOp(add, [1, 3, 4], (build) => [build.random([1, 3, 1])])],
    ['a sum with a constant of lower rank', oneOp(add, [1, 3, 4], (build) => [build.random([4])])],
    ['a sum with a constant that has axis 0', oneOp(add, [2, 3], (build) => [build.random([2, 3])])],
    ['a sum that a constant widens along axis 0', oneOp(add, [1, 3], (build) => [build.random([5, 3])])],
    ['a sum that a constant gives more axes', oneOp(add, [3], (build) => [build.random([1, 2, 3])])],
    ['a sum of an image with its first row', oneOp(add, [2, 3], (build, x) => [firstRow(build, x)])],
    ['a scalar of each image', scalars],
    ['attention to the image itself', oneOp(attention, [2, 4, 5], (_, x) => [x, x])],
    [
      'attention to constants',
      oneOp(attention, [1, 4, 5], (build) => [build.random([1, 4, 3]), build.random([1, 2, 3])]),
    ],
    ['boxes from distances', oneOp(distanceBoxes, [1, 4, 6], (build) => [build.random([2, 6]), build.random([6])])],
    ['pools of several sizes', oneOp({ type: 'maxPoolPyramid', sizes: [3, 5] }, [1, 2, 4, 5])],
    ['concat along channels, with a constant', oneOp(concat(1), [1, 3, 4], (build) => [build.random([1, 2, 4])])],
    ['concat with a constant of more rows', oneOp(concat(1), [2, 3], (build) => [build.random([2, 2])])],
    ['concat along axis 0', oneOp(concat(0), [2, 3], (build, x) => [x, build.random([1, 3])])],
    ['expand of other axes', oneOp({ type: 'expand', shape: [2, 4, 3] }, [2, 1, 3])],
    ['expand of axis 0', oneOp({ type: 'expand', shape: [4, 3] }, [1, 3])],
    ['expand to more axes', oneOp({ type: 'expand', shape: [2, 5, 3] }, [5, 3])],
    ['gather of columns', oneOp({ type: 'gather', axis: 1 }, [2, 5], (build) => [build.ints('i', [2], [3, -1])])],
    ['gather of rows', oneOp({ type: 'gather', axis: 0 }, [5, 2], (build) => [build.ints('i', [2], [3, -1])])],
    ['gather of one row', oneOp({ type: 'gather', axis: 0 }, [5, 2], (build) => [build.ints('i', [], [3])])],
    [
      'gather by the image',
      oneOp({ type: 'gather', axis: 0 }, [5, 4], (build, x) => [rowNumbers(build, x, [2, 3], 5)]),
    ],
    [
      'gather by the image, axis 1',
      oneOp({ type: 'gather', axis: 1 }, [1, 5, 4], (build, x) => [rowNumbers(build, x, [2, 3], 5)]),
    ],
    ['gather of one row by the image', oneOp({ type: 'gather', axis: 0 }, [5, 4], (build, x) => [oneNumber(build, x)])],
    ['gather from a constant', gatherFromConstant(0, [6, 2], [2, 3])],
    ['gather of one row of a constant', gatherFromConstant(0, [6, 2], [])],
    ['gather from a constant, axis 1', gatherFromConstant(1, [1, 6, 2], [2, 3])],
    [
      'gatherElements',
      oneOp({ type: 'gatherElements', axis: 1 }, [2, 5], (build, x) => [rowNumbers(build, x, [2, 3], 5)]),
    ],
    [
      'gatherElements along axis 0',
      oneOp({ type: 'gatherElements', axis: 0 }, [5, 4], (build, x) => [rowNumbers(build, x, [3, 4], 5)]),
    ],
    [
      'gatherElements by constants',
      oneOp({ type: 'gatherElements', axis: 1 }, [2, 5], (build) => [build.ints('i', [1, 3], [4, 0, -2])]),
    ],
    ['matMul with weights', oneOp({ type: 'matMul' }, [3, 4], (build) => [build.random([4, 2])])],
    ['matMul of maps with weights', oneOp({ type: 'matMul' }, [1, 3, 4], (build) => [build.random([4, 2])])],
    ['matMul of a matrix with its transpose', oneOp({ type: 'matMul' }, [3, 4], (build, x) => [transposed(build, x)])],
    ['matMul widened by weights', oneOp({ type: 'matMul' }, [3, 4], (build) => [build.random([2, 1, 4, 5])])],
    ['matMul from the left', fromTheLeft],
    ['pad', oneOp({ type: 'pad', before: [0, 1], after: [0, 2], value: 3 }, [2, 3])],
    ['pad of axis 0', oneOp({ type: 'pad', before: [1, 0], after: [-1, 0], value: 3 }, [2, 3])],
    ['reduce', oneOp({ type: 'reduce', function: 'sum', axes: [1], keepDims: false }, [2, 3])],
    ['reduce of axis 0', oneOp({ type: 'reduce', function: 'maximum', axes: [0], keepDims: false }, [2, 3])],
    ['reduce to one number', oneOp({ type: 'reduce', function: 'mean', axes: [0, 1], keepDims: false }, [2, 3])],
    ['scatterNd of rows', scatter([2, 1])],
    ['scatterNd of elements', scatter([3, 2])],
    ['scatterNd of one row', scatter([1])],
    ['slice', oneOp({ type: 'slice', starts: [0, 2], sizes: [2, 2], steps: [1, -1] }, [2, 3])],
    ['slice of axis 0', oneOp({ type: 'slice', starts: [3, 0], sizes: [2, 3], steps: [-2, 1] }, [4, 3])],
    ['softmax', oneOp({ type: 'softmax', axis: 1 }, [2, 3])],
    ['softmax along axis 0', oneOp({ type: 'softmax', axis: 0 }, [2, 3])],
    ['topK', oneOp({ type: 'topK', axis: 1, k: 2, largest: true }, [2, 3])],
    ['topK along axis 0', oneOp({ type: 'topK', axis: 0, k: 2, largest: false }, [3, 2])],
    ['transpose', oneOp({ type: 'transpose', permutation: [0, 2, 1] }, [2, 3, 4])],
    ['transpose of axis 0', oneOp({ type: 'transpose', permutation: [2, 0, 1] }, [2, 3, 4])],
    ['an output that no image changes', constantOutput],
    ['a residual that no image changes', () => constantResidual(1)],
    ['a small residual that no image changes', () => constantResidual(2)],
    ['a choice between an image and a constant', choice],
  ])('keeps images apart: %s', (_, make) => {
    expectSameAsOneByOne(make());
  });

  it('names the node where images meet', () => {
    const build = new NetworkBuilder();
    const x = build.image(3);
    const weight = build.apply(
      { type: 'reshape', shape: [3, 3, 6, 7] },
      [build.binary('multiply', wide(build, x), 2)],
      'w',
    );
    const conv = {
      type: 'conv2d',
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
    } as const;
    const y = build.apply(conv, [x, weight, build.random([3])], 'dynamic');
    const refused = () => setBatch(build.finish('dynamic', [y]), 2);
    expect(refused).toThrow(UnsupportedModelError);
    expect(refused).toThrow(/dynamic \(conv2d\): its weights are computed from the image/);
  });

  it('names the node whose indices it can not follow', () => {
    const make = oneOp({ type: 'gather', axis: 1 }, [2, 5], (build, x) => [rowNumbers(build, x, [3], 5)]);
    expect(() => setBatch(make(), 2)).toThrow(/y \(gather\): its indices .* along axis 1 of \[2,5\]/);
  });

  it('names the node whose points it can not follow', () => {
    const make = oneOp(distanceBoxes, [1, 4, 6], (build, x) => [
      build.apply({ type: 'slice', starts: [0, 0], sizes: [2, 6], steps: [1, 1] }, [rows(build, x)], 'points'),
      build.random([6]),
    ]);
    expect(() => setBatch(make(), 2)).toThrow(/y \(distanceBoxes\): its points or strides are computed from the image/);
  });

  it('refuses inputs that are not one image', () => {
    const build = new NetworkBuilder();
    const y = build.unary('relu', build.input('two', 'float', [2, 3]));
    expect(() => setBatch(build.finish('two', [y]), 4)).toThrow(/two \(input\): its shape is \[2,3\]/);
  });
});

function concat(axis: number): Op {
  return { type: 'concat', axis };
}

function rows(build: NetworkBuilder, x: Value): Value {
  return build.apply({ type: 'reshape', shape: x.shape.slice(1) }, [x], 'rows');
}

function firstRow(build: NetworkBuilder, x: Value): Value {
  const sizes = [1, ...x.shape.slice(1)];
  return build.apply({ type: 'slice', starts: x.shape.map(() => 0), sizes, steps: x.shape.map(() => 1) }, [x], 'first');
}

function transposed(build: NetworkBuilder, x: Value): Value {
  return build.apply({ type: 'transpose', permutation: [1, 0] }, [x], 'transposed');
}

function oneNumber(build: NetworkBuilder, x: Value): Value {
  return rowNumbers(build, x, [], 5);
}

function wide(build: NetworkBuilder, x: Value): Value {
  return build.apply({ type: 'concat', axis: 1 }, [x, x, x], 'wide');
}

function scalars(): Graph {
  const build = new NetworkBuilder();
  const x = build.input('x', 'float', [1, 6]);
  const scalar = build.apply({ type: 'reduce', function: 'maximum', axes: [0, 1], keepDims: false }, [x], 'largest');
  const halved = build.binary('multiply', build.binary('add', scalar, scalar), 0.25);
  const again = build.apply({ type: 'reshape', shape: [] }, [build.unary('sigmoid', halved)], 'again');
  const scaled = build.binary('divide', x, again);
  const repeated = build.apply({ type: 'expand', shape: [2, 2] }, [again], 'repeated');
  return build.finish('scalars', [scaled, again, repeated]);
}

function gatherFromConstant(axis: number, table: Shape, indices: Shape): () => Graph {
  return () => {
    const build = new NetworkBuilder();
    const x = build.input('x', 'float', [1, 12]);
    const picked = build.apply(
      { type: 'gather', axis },
      [build.random(table), rowNumbers(build, x, indices, table[axis])],
      'y',
    );
    return build.finish('gather', [picked]);
  };
}

/** Of [4, 3], where indices of this shape say. */
function scatter(indices: Shape): () => Graph {
  return () => {
    const build = new NetworkBuilder();
    const input = build.input('x', 'float', [1, 24]);
    const x = build.apply({ type: 'reshape', shape: [8, 3] }, [input], 'rows');
    const part = (start: number, name: string) =>
      build.apply({ type: 'slice', starts: [start, 0], sizes: [4, 3], steps: [1, 1] }, [x], name);
    const depth = indices[indices.length - 1];
    const shape = [...indices.slice(0, -1), ...[4, 3].slice(depth)];
    const flat = build.apply({ type: 'reshape', shape: [12] }, [part(4, 'source')], 'source.flat');
    const some = { type: 'slice', starts: [0], sizes: [elementCount(shape)], steps: [1] } as const;
    const updates = build.apply({ type: 'reshape', shape }, [build.apply(some, [flat], 'some')], 'updates');
    const rows = build.ints('indices', indices, [1, -1, -2, 0, 3, 2].slice(0, elementCount(indices)));
    return build.finish('scatter', [build.apply({ type: 'scatterNd' }, [part(0, 'data'), rows, updates], 'y')]);
  };
}

function fromTheLeft(): Graph {
  const build = new NetworkBuilder();
  const input = build.input('x', 'float', [1, 12]);
  const x = build.apply({ type: 'reshape', shape: [4, 3] }, [input], 'matrix');
  return build.finish('left', [build.apply({ type: 'matMul' }, [build.random([2, 4]), x], 'y')]);
}

function constantOutput(): Graph {
  const build = new NetworkBuilder();
  const x = build.input('x', 'float', [1, 4]);
  const anchors = build.constant('anchors', 'float', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const grid = build.constant('grid', 'float', [1, 3], Float32Array.of(1, 2, 3));
  const scale = build.constant('scale', 'float', [], Float32Array.of(7));
  return build.finish('constant output', [build.unary('relu', x), anchors, grid, scale]);
}

/** @param upsample how many times the output is as high and wide as the residual */
function constantResidual(upsample: number): Graph {
  const build = new NetworkBuilder();
  const x = build.image(3, 4, 6);
  const residual = build.random([1, 2, 4 / upsample, 6 / upsample]);
  const op: Op = {
    type: 'conv2d',
    strides: [1, 1],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    groups: 1,
    epilogue: [{ name: 'addResidual', scale: 1, ...(upsample > 1 && { upsample }) }],
  };
  const y = build.apply(op, [x, build.random([2, 3, 3, 3]), build.random([2]), residual], 'y');
  return build.finish('constant residual', [y]);
}

function choice(): Graph {
  const build = new NetworkBuilder();
  const x = build.input('x', 'float', [1, 4]);
  const condition = build.binary('greater', x, 0);
  return build.finish('choice', [build.apply({ type: 'select' }, [condition, x, build.random([4])], 'y')]);
}
