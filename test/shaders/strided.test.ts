import { describe, expect, it } from 'vitest';
import { broadcastView, linearView, packedView, sliceAxis, transposeView } from '../../engine/plan/views.ts';
import type { TensorView } from '../../shaders/kernel.ts';
import { collapseDimensions, countOf, type StridedLoop, vectorize } from '../../shaders/strided.ts';
import { randomInteger, seeded } from '../support/random.ts';

/** Where each view lies at each step of a loop. */
function walk(loop: StridedLoop, offsets: readonly number[]): number[][] {
  const steps: number[][] = [];
  const visit = (dimension: number, at: readonly number[]): void => {
    if (dimension === loop.sizes.length) steps.push([...at]);
    else {
      for (let i = 0; i < loop.sizes[dimension]; i++) {
        visit(
          dimension + 1,
          at.map((start, v) => start + i * loop.strides[v][dimension]),
        );
      }
    }
  };
  visit(0, offsets);
  return steps;
}

/** The same of the views themselves, axis by axis. */
function walkViews(views: readonly TensorView[]): number[][] {
  const { shape } = views[0];
  const loop = { sizes: shape, strides: views.map(({ strides }) => strides), separate: [] };
  return walk(
    loop,
    views.map(({ offset }) => offset),
  );
}

const sorted = (steps: readonly number[][]) => steps.map(String).sort();

describe('collapseDimensions', () => {
  it('joins everything where the views lie alike', () => {
    const view = packedView([2, 8, 3, 5], 'f32');
    expect(collapseDimensions([view, view])).toEqual({ sizes: [240], strides: [[1], [1]], separate: [] });
    const linear = linearView([2, 8, 3, 5], 'f32');
    expect(collapseDimensions([linear])).toEqual({ sizes: [240], strides: [[1]], separate: [] });
  });

  it('goes in the order of the first view', () => {
    const shape = [2, 8, 3, 5];
    const loop = collapseDimensions([packedView(shape, 'f32'), linearView(shape, 'f32')]);
    expect(loop).toEqual({
      sizes: [2, 15, 8],
      strides: [
        [120, 8, 1],
        [120, 1, 15],
      ],
      separate: [],
    });
  });

  it('keeps gaps and repeats apart', () => {
    const slice = sliceAxis(packedView([1, 16, 4, 4], 'f32'), 1, 4, 8);
    const perChannel = broadcastView(linearView([8, 1, 1], 'f32'), [1, 8, 4, 4]);
    expect(collapseDimensions([slice, perChannel])).toEqual({
      sizes: [16, 8],
      strides: [
        [16, 1],
        [0, 1],
      ],
      separate: [],
    });
  });

  it('has no dimension for a single element', () => {
    expect(collapseDimensions([linearView([1, 1], 'f32')])).toEqual({ sizes: [], strides: [[]], separate: [] });
    expect(collapseDimensions([linearView([], 'f32')]).sizes).toEqual([]);
  });

  it('leaves axes by themselves that must be', () => {
    const view = linearView([2, 1, 4], 'f32');
    expect(collapseDimensions([view], [1])).toEqual({ sizes: [2, 1, 4], strides: [[4, 4, 1]], separate: [1] });
    expect(collapseDimensions([view], [2])).toEqual({ sizes: [2, 4], strides: [[4, 1]], separate: [1] });
  });

  it('visits the same elements together as the views do, whatever they are', () => {
    const next = seeded(5);
    for (let round = 0; round < 200; round++) {
      const shape = Array.from({ length: randomInteger(next, 0, 5) }, () => randomInteger(next, 1, 4));
      const view = (): TensorView => {
        const permutation = shape.map((_, axis) => axis).sort(() => next() - 0.5);
        const inverse = shape.map((_, axis) => permutation.indexOf(axis));
        const moved = transposeView(
          linearView(
            permutation.map((axis) => shape[axis]),
            'f32',
          ),
          inverse,
        );
        const strides = moved.strides.map((stride) => (next() < 0.2 ? 0 : next() < 0.1 ? -stride : stride));
        return { ...moved, strides, offset: randomInteger(next, 0, 9) };
      };
      const views = [view(), view(), view()];
      const separate = shape.map((_, axis) => axis).filter(() => next() < 0.2);
      const loop = collapseDimensions(views, separate);
      expect(
        sorted(
          walk(
            loop,
            views.map(({ offset }) => offset),
          ),
        ),
      ).toEqual(sorted(walkViews(views)));
      separate.forEach((axis, i) => {
        expect(loop.sizes[loop.separate[i]]).toBe(shape[axis]);
        expect(loop.strides.map((strides) => strides[loop.separate[i]])).toEqual(views.map((v) => v.strides[axis]));
      });
    }
  });
});

describe('vectorize', () => {
  const loopOf = (views: readonly TensorView[]) => vectorize(collapseDimensions(views), views);

  it('counts aligned views in vec4s and leaves repeated elements as they are', () => {
    const map = packedView([1, 8, 3, 3], 'f32');
    const perPixel = broadcastView({ ...linearView([1, 1, 3, 3], 'f32'), offset: 3 }, [1, 8, 3, 3]);
    expect(loopOf([map, perPixel])).toEqual({
      loop: {
        sizes: [9, 2],
        strides: [
          [2, 1],
          [1, 0],
        ],
        separate: [],
      },
      offsets: [0, 3],
      splats: [false, true],
    });
  });

  it('refuses sizes, strides and offsets that are no multiples of 4', () => {
    expect(loopOf([linearView([6], 'f32')])).toBeUndefined();
    expect(loopOf([{ ...linearView([8], 'f32'), offset: 2 }])).toBeUndefined();
    expect(loopOf([sliceAxis(linearView([3, 10], 'f32'), 1, 0, 8)])).toBeUndefined();
    expect(loopOf([transposeView(linearView([8, 8], 'f32'), [1, 0]), linearView([8, 8], 'f32')])).toBeUndefined();
    expect(loopOf([linearView([1], 'f32')])).toBeUndefined();
  });
});

describe('countOf', () => {
  it('is 1 for no dimension', () => {
    expect(countOf([])).toBe(1);
    expect(countOf([2, 3])).toBe(6);
  });
});
