import { describe, expect, it } from 'vitest';
import { linearView, packedView } from '../../engine/plan/views.ts';
import { gather, gatherElements } from '../../shaders/gather.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { randomInteger, seeded } from '../support/random.ts';
import { evaluate, intTensor, randomTensor } from '../support/tensors.ts';

function indicesBelow(seed: number, shape: readonly number[], size: number) {
  const next = seeded(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return intTensor(
    shape,
    Array.from({ length: count }, () => randomInteger(next, -size, size - 1)),
  );
}

describe('gather', () => {
  const cases: [number[], number[], number][] = [
    [[6], [], 0],
    [[6], [4], 0],
    [[3, 5], [2, 3], 0],
    [[2, 6, 4], [5], 1],
    [[2, 6, 4], [3], 2],
    [[1, 5, 3, 4], [2, 2], 3],
    [[1, 5, 3, 4], [7], 1],
  ];
  it.each(cases)('of [%s] by indices [%s] along axis %s', async (shape, indexShape, axis) => {
    const data = randomTensor(3, shape);
    const indices = indicesBelow(4, indexShape, shape[axis]);
    const [expected] = evaluate({ type: 'gather', axis }, data, indices);
    const views = indexShape.length > 0 ? viewsOf(indexShape, 'i32') : [{ view: linearView([], 'i32') }];
    for (const from of viewsOf(shape, 'f32')) {
      for (const { view } of views) {
        for (const to of viewsOf(expected.shape, 'f32').filter(({ name }) => /row-major$|channels-last/.test(name))) {
          const padTo4 = to.ownsPadding ? 1 : undefined;
          await checkKernel(
            ([source, positions], [output]) => gather({ data: source, indices: positions, output, axis, padTo4 }),
            [
              { tensor: data, view: from.view },
              { tensor: indices, view },
            ],
            [{ tensor: expected, view: to.view, padTo4 }],
          );
        }
      }
    }
  });
});

describe('gatherElements', () => {
  const cases: [number[], number[], number][] = [
    [[6], [9], 0],
    [[3, 5], [2, 5], 0],
    [[3, 5], [3, 8], 1],
    [[1, 50, 4], [1, 20, 4], 1],
    [[2, 6, 3, 2], [2, 6, 2, 2], 2],
  ];
  it.each(cases)('of [%s] by indices [%s] along axis %s', async (shape, indexShape, axis) => {
    const data = randomTensor(5, shape);
    const indices = indicesBelow(6, indexShape, shape[axis]);
    const [expected] = evaluate({ type: 'gatherElements', axis }, data, indices);
    for (const from of viewsOf(shape, 'f32')) {
      for (const { view } of viewsOf(indexShape, 'i32')) {
        for (const to of viewsOf(expected.shape, 'f32').filter(({ name }) => /row-major$|channels-last/.test(name))) {
          const padTo4 = to.ownsPadding ? 1 : undefined;
          await checkKernel(
            ([source, positions], [output]) =>
              gatherElements({ data: source, indices: positions, output, axis, padTo4 }),
            [
              { tensor: data, view: from.view },
              { tensor: indices, view },
            ],
            [{ tensor: expected, view: to.view, padTo4 }],
          );
        }
      }
    }
  });

  it.each([false, true])('stores float16 and integers (one allocation: %s)', async (shared) => {
    const indices = indicesBelow(8, [1, 3, 4], 6);
    const floats = storedAs('f16', randomTensor(7, [1, 6, 4]));
    const ints = indicesBelow(9, [1, 6, 4], 1000);
    for (const [data, element] of [
      [floats, 'f16'],
      [ints, 'i32'],
    ] as const) {
      const [expected] = evaluate({ type: 'gatherElements', axis: 1 }, data, indices);
      await checkKernel(
        ([source, positions], [output]) =>
          gatherElements({ data: source, indices: positions, output, axis: 1, padTo4: 1 }),
        [
          { tensor: data, view: packedView([1, 6, 4], element) },
          { tensor: indices, view: linearView([1, 3, 4], 'i32') },
        ],
        [{ tensor: expected, view: packedView([1, 3, 4], element), padTo4: 1 }],
        { shared },
      );
    }
  });
});

describe('indices', () => {
  it('beyond the axis read its last element, not other memory', async () => {
    const data = randomTensor(1, [4]);
    const indices = intTensor([3], [100, -100, 2 ** 31 - 1]);
    const expected = { ...data, shape: [3], data: Float32Array.of(data.data[3], data.data[0], data.data[3]) };
    await checkKernel(
      ([source, positions], [output]) => gather({ data: source, indices: positions, output, axis: 0 }),
      [
        { tensor: data, view: linearView([4], 'f32') },
        { tensor: indices, view: linearView([3], 'i32') },
      ],
      [{ tensor: expected, view: linearView([3], 'f32') }],
    );
  });

  it('are integers', () => {
    const view = linearView([4], 'f32');
    expect(() => gather({ data: view, indices: view, output: view, axis: 0 })).toThrow('i32 indices');
    const indices = linearView([4], 'i32');
    expect(() => gather({ data: view, indices, output: indices, axis: 0 })).toThrow("can't be stored");
  });
});
