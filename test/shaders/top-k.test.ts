import { describe, expect, it } from 'vitest';
import type { DenseTensor } from '../../engine/graph/types.ts';
import { linearView, packedView } from '../../engine/plan/views.ts';
import type { ElementType, TensorView } from '../../shaders/kernel.ts';
import { topK } from '../../shaders/top-k.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { randomInteger, seeded } from '../support/random.ts';
import { evaluate, floatTensor, intTensor, randomTensor } from '../support/tensors.ts';

async function check(
  tensor: DenseTensor,
  axis: number,
  k: number,
  largest: boolean,
  view?: TensorView,
): Promise<string> {
  const input = view ?? linearView(tensor.shape, tensor.kind === 'float' ? 'f32' : 'i32');
  const [values, indices] = evaluate({ type: 'topK', axis, k, largest }, tensor);
  return checkIs(tensor, input, axis, largest, values, indices);
}

async function checkIs(
  tensor: DenseTensor,
  view: TensorView,
  axis: number,
  largest: boolean,
  values: DenseTensor,
  indices: DenseTensor,
): Promise<string> {
  const kernel = await checkKernel(
    ([input], outputs) => topK({ input, values: outputs[0], indices: outputs[1], axis, largest }),
    [{ tensor, view }],
    [
      { tensor: values, view: linearView(values.shape, view.element) },
      { tensor: indices, view: linearView(indices.shape, 'i32') },
    ],
  );
  return kernel.label;
}

/** Scores as a detector gives them: most of them equal and tiny, some large. */
function scores(seed: number, count: number): DenseTensor {
  const next = seeded(seed);
  return floatTensor(
    [1, count],
    Array.from({ length: count }, () => (next() < 0.1 ? next() : next() < 0.5 ? 1e-5 : 0)),
  );
}

describe.each([true, false])('topK, largest: %s', (largest) => {
  it.each([
    [1, 1],
    [7, 1],
    [7, 3],
    [7, 7],
    [255, 255],
    [256, 100],
    [1000, 999],
    [1024, 1024],
  ])('of %s elements the first %s', async (count, k) => {
    await check(randomTensor(count, [count], 10), 0, k, largest);
  });

  it('of the sizes of end-to-end heads, with many ties', async () => {
    await check(scores(1, 8400), 1, 300, largest);
    await check(scores(2, 24000), 1, 300, largest);
  });

  it('of equal elements takes the first', async () => {
    await check(floatTensor([600], new Array(600).fill(0.25)), 0, 300, largest);
    const next = seeded(3);
    await check(
      floatTensor(
        [2, 900],
        Array.from({ length: 1800 }, () => randomInteger(next, -2, 2)),
      ),
      1,
      500,
      largest,
    );
  });

  it('of more than fit workgroup memory', async () => {
    expect(await check(randomTensor(4, [1500], 3), 0, 513, largest)).toContain('in the output');
    await check(scores(5, 8400), 1, 5000, largest);
    const next = seeded(6);
    await check(
      intTensor(
        [3, 2500],
        Array.from({ length: 7500 }, () => randomInteger(next, -50, 50)),
      ),
      1,
      2500,
      largest,
    );
  });

  it('of integers, also the extreme ones', async () => {
    const data = [5, -3, 2147483647, -2147483648, 0, 5, -1, 7];
    await check(intTensor([8], data), 0, 8, largest);
  });

  it('along any axis of every view', async () => {
    const shape = [2, 5, 6, 3];
    const next = seeded(7);
    const tensor = floatTensor(
      shape,
      Array.from({ length: 180 }, () => randomInteger(next, -9, 9)),
    );
    for (const { view } of viewsOf(shape, 'f32')) {
      for (let axis = 0; axis < 4; axis++) await check(tensor, axis, Math.ceil(shape[axis] / 2), largest, view);
    }
  });

  it('writes into views', async () => {
    const tensor = randomTensor(8, [1, 40, 3]);
    const [values, indices] = evaluate({ type: 'topK', axis: 1, k: 10, largest }, tensor);
    await checkKernel(
      ([input], outputs) => topK({ input, values: outputs[0], indices: outputs[1], axis: 1, largest }),
      [{ tensor, view: packedView([1, 40, 3], 'f32') }],
      [
        { tensor: values, view: packedView([1, 10, 3], 'f32') },
        { tensor: indices, view: packedView([1, 10, 3], 'i32') },
      ],
      { shared: true },
    );
  });

  it('of float16', async () => {
    const tensor = storedAs('f16', scores(9, 700));
    await check(tensor, 1, 200, largest, linearView([1, 700], 'f16'));
  });

  it('puts infinities where they belong and NaN last', async () => {
    const data = [NaN, 1, -Infinity, Infinity, NaN, -1, 3e38, -3e38];
    const tensor = floatTensor([8], data);
    const upwards = [2, 7, 5, 1, 6, 3];
    const order = [...(largest ? upwards.reverse() : upwards), 0, 4];
    const values = floatTensor(
      [8],
      order.map((index) => data[index]),
    );
    await checkIs(tensor, linearView([8], 'f32'), 0, largest, values, intTensor([8], order));
  });

  it('takes -0 and 0 as equal', async () => {
    const tensor = floatTensor([4], [0, -0, 0, -0]);
    const [, indices] = evaluate({ type: 'topK', axis: 0, k: 4, largest }, tensor);
    expect(Array.from(indices.data)).toEqual([0, 1, 2, 3]);
    await check(tensor, 0, 4, largest);
  });
});

describe('topK', () => {
  it('refuses outputs of other kinds', () => {
    const of = (element: ElementType) => linearView([4], element);
    const options = { input: of('f32'), axis: 0, largest: true };
    expect(() => topK({ ...options, values: of('f16'), indices: of('i32') })).toThrow("can't give f16");
    expect(() => topK({ ...options, values: of('f32'), indices: of('u32') })).toThrow('i32 indices');
  });
});
