import { describe, expect, it } from 'vitest';
import { broadcastView, linearView, packedView, transposeView } from '../../engine/plan/views.ts';
import type { ElementType, TensorView } from '../../shaders/kernel.ts';
import { matMul } from '../../shaders/mat-mul.ts';
import { checkKernel, storedAs, viewsOf } from '../support/check-kernel.ts';
import { evaluate, randomTensor } from '../support/tensors.ts';

interface Product {
  readonly a: readonly number[];
  readonly b: readonly number[];
}

async function check(
  { a, b }: Product,
  viewA: TensorView,
  viewB: TensorView,
  viewY: TensorView,
  options: { padTo4?: number; shared?: boolean } = {},
): Promise<string> {
  const left = storedAs(viewA.element, randomTensor(1, a));
  const right = storedAs(viewB.element, randomTensor(2, b));
  const [expected] = evaluate({ type: 'matMul' }, left, right);
  const batch = expected.shape.slice(0, -2);
  const kernel = await checkKernel(
    ([first, second], [output]) =>
      matMul({
        a: broadcastView(first, [...batch, ...a.slice(-2)]),
        b: broadcastView(second, [...batch, ...b.slice(-2)]),
        output,
        padTo4: options.padTo4,
        sharedAllocation: options.shared,
      }),
    [
      { tensor: left, view: viewA },
      { tensor: right, view: viewB },
    ],
    [{ tensor: expected, view: viewY, padTo4: options.padTo4 }],
    { tolerance: 1e-5, shared: options.shared },
  );
  return kernel.label;
}

const outputShape = ({ a, b }: Product, batch: readonly number[]) => [...batch, a[a.length - 2], b[b.length - 1]];

describe('matMul', () => {
  const products: [string, Product, number[]][] = [
    ['single elements', { a: [1, 1], b: [1, 1] }, []],
    ['odd sizes', { a: [5, 7], b: [7, 3] }, []],
    ['multiples of 4', { a: [8, 12], b: [12, 16] }, []],
    ['more than a workgroup', { a: [37, 8], b: [8, 70] }, []],
    ['K not a multiple of 4', { a: [8, 5], b: [5, 12] }, []],
    ['a batch', { a: [2, 3, 6, 4], b: [2, 3, 4, 5] }, [2, 3]],
    ['a batch of multiples of 4', { a: [2, 8, 4, 8], b: [2, 8, 8, 4] }, [2, 8]],
    ['a repeated batch', { a: [2, 1, 4, 8], b: [3, 8, 4] }, [2, 3]],
    ['a vector', { a: [1, 20], b: [20, 9] }, []],
  ];
  it.each(products)('%s, on every view of each matrix', async (_, product, batch) => {
    const shape = outputShape(product, batch);
    for (const a of viewsOf(product.a, 'f32')) {
      await check(product, a.view, linearView(product.b, 'f32'), linearView(shape, 'f32'));
    }
    for (const b of viewsOf(product.b, 'f32')) {
      await check(product, linearView(product.a, 'f32'), b.view, linearView(shape, 'f32'));
    }
    for (const y of viewsOf(shape, 'f32')) {
      const padTo4 = y.ownsPadding ? 1 : undefined;
      await check(product, linearView(product.a, 'f32'), linearView(product.b, 'f32'), y.view, { padTo4 });
    }
  });

  it.each([
    ['rows', { a: [1, 6, 8], b: [1, 8, 12] }],
    ['columns', { a: [1, 8, 8], b: [1, 8, 10] }],
    ['batch', { a: [1, 6, 8, 8], b: [1, 6, 8, 8] }],
  ])('pads %s of the output', async (which, product) => {
    const shape = outputShape(product, product.a.slice(0, -2));
    if (which === 'columns') {
      // [1, M, N] with N innermost and each row padded to a multiple of 4.
      const view = { ...linearView([1, 8, 12], 'f32'), shape };
      await check(product, linearView(product.a, 'f32'), linearView(product.b, 'f32'), view, { padTo4: 2 });
    } else {
      const view = packedView(shape, 'f32');
      await check(product, linearView(product.a, 'f32'), linearView(product.b, 'f32'), view, { padTo4: 1 });
    }
  });

  it('reads vec4s along the contiguous dimension of each matrix', async () => {
    const shape = { a: [2, 20, 8], b: [2, 8, 12] };
    const straight = (dims: readonly number[]) => linearView(dims, 'f32');
    const transposed = ([n, rows, columns]: readonly number[]) =>
      transposeView(linearView([n, columns, rows], 'f32'), [0, 2, 1]);
    const [a, b, y] = [shape.a, shape.b, [2, 20, 12]];
    const labels = [];
    for (const viewA of [straight(a), transposed(a)]) {
      for (const viewB of [straight(b), transposed(b)]) {
        for (const viewY of [straight(y), transposed(y)]) labels.push(await check(shape, viewA, viewB, viewY));
      }
    }
    expect(new Set(labels).size).toBe(8);
    for (const label of labels) expect(label.match(/vec4/g)).toHaveLength(3);
  });

  it.each(['f32', 'f16'] as ElementType[])('within one allocation of %s', async (element) => {
    const aligned = { a: [2, 8, 12], b: [2, 12, 8] };
    const odd = { a: [2, 8, 12], b: [2, 12, 7] };
    for (const product of [aligned, odd]) {
      const y = linearView(outputShape(product, [2]), element);
      await check(product, linearView(product.a, element), linearView(product.b, element), y, { shared: true });
    }
  });

  it('mixes storage types', async () => {
    const product = { a: [8, 16], b: [16, 8] };
    await check(product, linearView(product.a, 'f16'), linearView(product.b, 'f32'), linearView([8, 8], 'f32'));
    await check(product, linearView(product.a, 'f32'), linearView(product.b, 'f16'), linearView([8, 8], 'f16'));
  });
});
