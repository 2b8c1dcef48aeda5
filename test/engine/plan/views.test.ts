import { describe, expect, it } from 'vitest';
import {
  asFeatureMap,
  broadcastView,
  isChannelsLast,
  linearView,
  packedView,
  reshapeView,
  sliceAxis,
  sliceView,
  transposeView,
  untransposeView,
} from '../../../engine/plan/views.ts';
import type { TensorView } from '../../../shaders/kernel.ts';
import { seeded } from '../../support/random.ts';

/** Every element's place in memory, in row-major order of the view's shape. */
function addresses({ shape, strides, offset }: TensorView): number[] {
  let result = [offset];
  shape.forEach((size, axis) => {
    result = result.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * strides[axis]));
  });
  return result;
}

describe('reshapeView', () => {
  it('keeps every element where it is, in row-major order', () => {
    const view = linearView([2, 3, 4], 'f32');
    for (const shape of [[6, 4], [24], [2, 12], [1, 2, 3, 2, 2, 1], [4, 6], [3, 8]]) {
      const reshaped = reshapeView(view, shape);
      expect(reshaped && addresses(reshaped)).toEqual(addresses(view));
    }
  });

  it('splits and merges pixels of a channels-last map without a copy', () => {
    const map = packedView([1, 6, 5, 7], 'f32');
    const flat = reshapeView(map, [1, 6, 35]);
    expect(flat?.strides.slice(1)).toEqual([1, 8]);
    const heads = reshapeView(map, [1, 2, 3, 35]);
    expect(heads && addresses(heads)).toEqual(addresses(map));
    expect(reshapeView(map, [1, 210])).toBeUndefined();
  });

  it('agrees with copying wherever it says yes, on random views', () => {
    const random = seeded(7);
    const pick = (choices: number) => Math.floor(random() * choices);
    let views = 0;
    for (let round = 0; round < 400; round++) {
      const sizes = Array.from({ length: 1 + pick(4) }, () => 1 + pick(4));
      const permutation = sizes.map((_, axis) => axis).sort(() => random() - 0.5);
      const start = linearView(sizes, 'f32');
      const view = pick(2) ? transposeView(start, permutation) : start;
      const factors = view.shape.flatMap((size) => (size === 4 ? [2, 2] : [size]));
      const shape = [1, ...factors];
      for (let joins = pick(3); joins > 0 && shape.length > 1; joins--) {
        const at = pick(shape.length - 1);
        shape.splice(at, 2, shape[at] * shape[at + 1]);
      }
      const reshaped = reshapeView(view, shape);
      if (!reshaped) continue;
      views++;
      expect(reshaped.shape).toEqual(shape);
      expect(addresses(reshaped)).toEqual(addresses(view));
    }
    expect(views).toBeGreaterThan(200);
  });

  it('gives scalars and single elements a view', () => {
    expect(addresses(reshapeView(linearView([1, 1], 'f32'), []) as TensorView)).toEqual([0]);
    expect(addresses(reshapeView(linearView([], 'f32'), [1, 1, 1]) as TensorView)).toEqual([0]);
  });
});

describe('asFeatureMap', () => {
  it('reads a channel slice that begins at a multiple of 4', () => {
    const whole = packedView([1, 24, 3, 5], 'f32');
    expect(asFeatureMap(sliceAxis(whole, 1, 8, 6))).toEqual({
      element: 'f32',
      batch: 1,
      height: 3,
      width: 5,
      channels: 6,
      offset: 8,
      imageStride: 360,
      pixelStride: 24,
    });
    expect(asFeatureMap(sliceAxis(whole, 1, 6, 6))).toBeUndefined();
  });

  it('reads a stretch of pixels of a flattened map', () => {
    const anchors = packedView([2, 144, 30], 'f32');
    const level = reshapeView(sliceAxis(anchors, 2, 10, 20), [2, 144, 4, 5]);
    expect(level && asFeatureMap(level)).toMatchObject({ offset: 1440, imageStride: 4320, pixelStride: 144 });
  });

  it('refuses row-major maps, strided pixels and broadcasts', () => {
    expect(asFeatureMap(linearView([1, 8, 4, 4], 'f32'))).toBeUndefined();
    expect(asFeatureMap(linearView([1, 1, 4, 4], 'f32'))).toBeUndefined();
    const map = packedView([1, 8, 4, 4], 'f32');
    expect(asFeatureMap(sliceView(map, [0, 0, 0, 0], [1, 8, 2, 2], [1, 1, 2, 2]))).toBeUndefined();
    expect(isChannelsLast(broadcastView(linearView([1, 8, 1, 1], 'f32'), [1, 8, 4, 4]))).toBe(false);
  });

  it('finds the pixel stride where a dimension has size 1', () => {
    const column = sliceAxis(packedView([1, 16, 6, 1], 'f32'), 1, 0, 8);
    expect(asFeatureMap(column)).toMatchObject({ height: 6, width: 1, pixelStride: 16 });
  });
});

describe('transposeView', () => {
  it('is undone by untransposeView', () => {
    const view = packedView([2, 5, 3, 4], 'f16');
    const permutation = [2, 0, 3, 1];
    expect(untransposeView(transposeView(view, permutation), permutation)).toEqual(view);
  });
});
