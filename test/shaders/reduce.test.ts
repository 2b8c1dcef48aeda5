import { describe, expect, it } from 'vitest';
import type { Reduce } from '../../engine/graph/ops/reduce.ts';
import { linearView, packedView } from '../../engine/plan/views.ts';
import { reduce } from '../../shaders/reduce.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { randomInteger, seeded } from '../support/random.ts';
import { evaluate, intTensor, randomTensor } from '../support/tensors.ts';

const FUNCTIONS = ['sum', 'mean', 'maximum', 'minimum', 'product'] as const;

function subsets(rank: number): number[][] {
  return Array.from({ length: 2 ** rank }, (_, bits) =>
    Array.from({ length: rank }, (_axis, axis) => axis).filter((axis) => bits & (1 << axis)),
  );
}

describe.each(FUNCTIONS)('reduce %s', (fn) => {
  const shapes = [[1], [6], [3, 5], [2, 5, 3, 4]];
  it.each(shapes.map((shape) => [shape]))('over every set of axes of [%s]', async (shape) => {
    const tensor = randomTensor(9, shape, 2);
    for (const axes of subsets(shape.length)) {
      for (const keepDims of [true, false]) {
        const op: Reduce = { type: 'reduce', function: fn, axes, keepDims };
        const [expected] = evaluate(op, tensor);
        for (const from of viewsOf(shape, 'f32')) {
          for (const to of viewsOf(expected.shape, 'f32').filter(({ name }) => /row-major$|channels-last/.test(name))) {
            const padTo4 = to.ownsPadding ? 1 : undefined;
            await checkKernel(
              ([input], [output]) => reduce({ input, output, op, padTo4 }),
              [{ tensor, view: from.view }],
              [{ tensor: expected, view: to.view, padTo4 }],
              { tolerance: 1e-5 },
            );
          }
        }
      }
    }
  });

  it('joins long rows in a workgroup', async () => {
    for (const shape of [
      [1, 6, 20, 21],
      [3, 257],
      [2, 1000, 1],
    ]) {
      const tensor = randomTensor(10, shape, fn === 'product' ? 1.3 : 4);
      const axes = shape.length === 4 ? [2, 3] : [1];
      const op: Reduce = { type: 'reduce', function: fn, axes, keepDims: true };
      const [expected] = evaluate(op, tensor);
      for (const { view } of viewsOf(shape, 'f32')) {
        const kernel = await checkKernel(
          ([input], [output]) => reduce({ input, output, op }),
          [{ tensor, view }],
          [{ tensor: expected, view: linearView(expected.shape, 'f32') }],
          { tolerance: 1e-4 },
        );
        expect(kernel.label).toContain('per workgroup');
      }
    }
  });
});

describe('reduce', () => {
  it.each(['sum', 'maximum', 'minimum', 'product'] as const)('%s of integers', async (fn) => {
    const next = seeded(3);
    for (const shape of [
      [4, 7],
      [2, 300],
    ]) {
      const count = shape[0] * shape[1];
      const tensor = intTensor(
        shape,
        Array.from({ length: count }, () => randomInteger(next, -3, 3) || 1),
      );
      const op: Reduce = { type: 'reduce', function: fn, axes: [1], keepDims: false };
      const [expected] = evaluate(op, tensor);
      if (fn === 'product' && shape[1] > 40) continue;
      await checkKernel(
        ([input], [output]) => reduce({ input, output, op }),
        [{ tensor, view: linearView(shape, 'i32') }],
        [{ tensor: expected, view: linearView(expected.shape, 'i32') }],
      );
    }
  });

  it('stores float16, within one allocation', async () => {
    const shape = [1, 6, 4, 5];
    const tensor = storedAs('f16', randomTensor(2, shape));
    const op: Reduce = { type: 'reduce', function: 'mean', axes: [2, 3], keepDims: true };
    const [expected] = evaluate(op, tensor);
    await checkKernel(
      ([input], [output]) => reduce({ input, output, op, padTo4: 1 }),
      [{ tensor, view: packedView(shape, 'f16') }],
      [{ tensor: expected, view: packedView([1, 6, 1, 1], 'f16'), padTo4: 1 }],
      { shared: true },
    );
  });

  it('of no elements gives the neutral element', async () => {
    const tensor = randomTensor(1, [3, 0]);
    for (const fn of ['sum', 'product'] as const) {
      const op: Reduce = { type: 'reduce', function: fn, axes: [1], keepDims: false };
      const [expected] = evaluate(op, tensor);
      await checkKernel(
        ([input], [output]) => reduce({ input, output, op }),
        [{ tensor, view: linearView([3, 0], 'f32') }],
        [{ tensor: expected, view: linearView([3], 'f32') }],
      );
    }
  });

  it('refuses to change the kind', () => {
    const op: Reduce = { type: 'reduce', function: 'sum', axes: [0], keepDims: true };
    const output = linearView([1], 'i32');
    expect(() => reduce({ input: linearView([4], 'f32'), output, op })).toThrow("can't be stored as i32");
  });
});
