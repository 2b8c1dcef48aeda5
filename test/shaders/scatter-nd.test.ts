import { describe, expect, it } from 'vitest';
import { linearView } from '../../engine/plan/views.ts';
import { scatterNd } from '../../shaders/scatter-nd.ts';
import { checkKernel, viewsOf } from '../support/check-kernel.ts';
import { seeded } from '../support/random.ts';
import { evaluate, intTensor, randomTensor } from '../support/tensors.ts';

/** `count` different positions among the first `depth` axes, some counted from the end. */
function distinctIndices(seed: number, shape: readonly number[], depth: number, leading: readonly number[]) {
  const next = seeded(seed);
  const sizes = shape.slice(0, depth);
  const total = sizes.reduce((a, b) => a * b, 1);
  const order = Array.from({ length: total }, (_, i) => ({ i, key: next() })).sort((a, b) => a.key - b.key);
  const count = leading.reduce((a, b) => a * b, 1);
  const data = order.slice(0, count).flatMap(({ i }) => {
    const position: number[] = [];
    let rest = i;
    for (let axis = depth - 1; axis >= 0; axis--) {
      const coordinate = rest % sizes[axis];
      rest = Math.floor(rest / sizes[axis]);
      position.unshift(next() < 0.3 ? coordinate - sizes[axis] : coordinate);
    }
    return position;
  });
  return intTensor([...leading, depth], data);
}

describe('scatterNd', () => {
  const cases: [number[], number, number[]][] = [
    [[9], 1, [4]],
    [[4, 5], 1, [3]],
    [[4, 5], 2, [2, 3]],
    [[2, 6, 3, 4], 3, [5]],
    [[2, 6, 3, 4], 2, [2, 2]],
    [[2, 3], 0, [1]],
  ];
  it.each(cases)('into [%s], addressed by %s axes, [%s] updates', async (shape, depth, leading) => {
    const data = randomTensor(1, shape);
    const indices = distinctIndices(2, shape, depth, leading);
    const updates = randomTensor(3, [...leading, ...shape.slice(depth)]);
    const [expected] = evaluate({ type: 'scatterNd' }, data, indices, updates);
    for (const { view } of viewsOf(shape, 'f32')) {
      for (const from of viewsOf(updates.shape, 'f32')) {
        await checkKernel(
          ([positions, values], [output]) => scatterNd({ indices: positions, updates: values, output }),
          [
            { tensor: indices, view: linearView(indices.shape, 'i32') },
            { tensor: updates, view: from.view },
          ],
          [{ tensor: expected, view, before: data }],
        );
      }
    }
  });

  it('refuses float indices and other kinds of updates', () => {
    const floats = linearView([4, 1], 'f32');
    const ints = linearView([4, 1], 'i32');
    const output = linearView([9], 'f32');
    expect(() => scatterNd({ indices: floats, updates: linearView([4], 'f32'), output })).toThrow('i32 indices');
    expect(() => scatterNd({ indices: ints, updates: linearView([4], 'i32'), output })).toThrow("can't be stored");
  });
});
