import type { ElementType, FeatureMap, TensorView } from '../../shaders/kernel.ts';
import { broadcastStrides, elementCount, rowMajorStrides } from '../graph/indexing.ts';
import type { Shape } from '../graph/types.ts';

/** View algebra: reshaping, slicing and transposing by changing strides and offsets instead of moving elements. */

export function roundUpTo4(count: number): number {
  return Math.ceil(count / 4) * 4;
}

export type Layout = 'linear' | 'packed';

/** Row-major, as files and callers have it. */
export function linearView(shape: Shape, element: ElementType): TensorView {
  return { element, shape, strides: rowMajorStrides(shape), offset: 0 };
}

/**
 * Channels-last [N, C, ...spatial]: channels innermost, padded to a multiple of 4, so that every pixel is a whole number
 * of vec4s. Tensors of rank below 3 have no pixels and are row-major.
 */
export function packedView(shape: Shape, element: ElementType): TensorView {
  if (shape.length < 3) return linearView(shape, element);
  const pixelStride = roundUpTo4(shape[1]);
  const spatial = shape.slice(2);
  const pixels = rowMajorStrides(spatial).map((stride) => stride * pixelStride);
  return { element, shape, strides: [elementCount(spatial) * pixelStride, 1, ...pixels], offset: 0 };
}

export function freshView(layout: Layout, shape: Shape, element: ElementType): TensorView {
  return layout === 'packed' ? packedView(shape, element) : linearView(shape, element);
}

/** How many elements a fresh tensor occupies, padding lanes included. */
export function freshElements(layout: Layout, shape: Shape): number {
  if (layout === 'linear' || shape.length < 3) return elementCount(shape);
  return (elementCount(shape) / Math.max(1, shape[1])) * roundUpTo4(shape[1]);
}

/** Whether channels (axis 1) are contiguous and every pixel begins at a multiple of 4 elements. */
export function isChannelsLast(view: TensorView): boolean {
  const { shape, strides, offset } = view;
  if (shape.length < 3 || (shape[1] > 1 && strides[1] !== 1) || offset % 4 !== 0) return false;
  const lanes = roundUpTo4(shape[1]);
  return strides.every((stride, axis) => axis === 1 || shape[axis] === 1 || (stride % 4 === 0 && stride >= lanes));
}

export function isLinear(view: TensorView): boolean {
  const expected = rowMajorStrides(view.shape);
  return view.strides.every((stride, axis) => view.shape[axis] <= 1 || stride === expected[axis]);
}

/**
 * The view as a feature map that vec4 kernels can read: [N, C, H, W] (or [N, C, L], one row), channels contiguous, rows
 * following each other without a gap. Undefined where the view isn't one.
 */
export function asFeatureMap(view: TensorView): FeatureMap | undefined {
  const { shape, strides, offset, element } = view;
  if (shape.length !== 4 || !isChannelsLast(view)) return undefined;
  const [batch, channels, height, width] = shape;
  // The stride of an axis of size 1 means nothing; the next axis that moves tells the pixel's.
  const pixelStride = width > 1 ? strides[3] : height > 1 ? strides[2] : roundUpTo4(channels);
  if (height > 1 && strides[2] !== width * pixelStride) return undefined;
  const imageStride = batch > 1 ? strides[0] : height * width * pixelStride;
  return { element, batch, height, width, channels, offset, imageStride, pixelStride };
}

/**
 * The same elements under another shape without moving them, as NumPy's no-copy reshape; undefined where the strides
 * don't allow it.
 */
export function reshapeView(view: TensorView, shape: Shape): TensorView | undefined {
  const kept = view.shape.map((_, axis) => axis).filter((axis) => view.shape[axis] !== 1);
  const strides = new Array<number>(shape.length).fill(0);
  let old = 0;
  let axis = 0;
  while (axis < shape.length || old < kept.length) {
    // The smallest run of old and of new dimensions that have the same number of elements.
    const firstOld = old;
    const firstNew = axis;
    let oldCount = old < kept.length ? view.shape[kept[old++]] : 1;
    let newCount = axis < shape.length ? shape[axis++] : 1;
    while (oldCount !== newCount) {
      if (oldCount < newCount) {
        if (old >= kept.length) return undefined;
        oldCount *= view.shape[kept[old++]];
      } else {
        if (axis >= shape.length) return undefined;
        newCount *= shape[axis++];
      }
    }
    const run = kept.slice(firstOld, old);
    // Old dimensions merge only if they follow each other without gaps.
    for (let i = 0; i + 1 < run.length; i++) {
      const [outer, inner] = [run[i], run[i + 1]];
      if (view.strides[outer] !== view.strides[inner] * view.shape[inner]) return undefined;
    }
    let stride = run.length > 0 ? view.strides[run[run.length - 1]] : 1;
    for (let i = axis - 1; i >= firstNew; i--) {
      strides[i] = stride;
      stride *= shape[i];
    }
  }
  return { element: view.element, shape, strides, offset: view.offset };
}

export function transposeView(view: TensorView, permutation: readonly number[]): TensorView {
  return {
    ...view,
    shape: permutation.map((axis) => view.shape[axis]),
    strides: permutation.map((axis) => view.strides[axis]),
  };
}

/** The view before `transposeView`. */
export function untransposeView(view: TensorView, permutation: readonly number[]): TensorView {
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return transposeView(view, inverse);
}

export function sliceView(
  view: TensorView,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[],
): TensorView {
  return {
    element: view.element,
    shape: sizes,
    strides: view.strides.map((stride, axis) => stride * steps[axis]),
    offset: starts.reduce((offset, start, axis) => offset + start * view.strides[axis], view.offset),
  };
}

/** `size` elements from `start` along one axis. */
export function sliceAxis(view: TensorView, axis: number, start: number, size: number): TensorView {
  const starts = view.shape.map((_, a) => (a === axis ? start : 0));
  const sizes = view.shape.map((full, a) => (a === axis ? size : full));
  return sliceView(
    view,
    starts,
    sizes,
    view.shape.map(() => 1),
  );
}

/** Broadcast to `shape`: missing and size-1 dimensions repeat with stride 0. */
export function broadcastView(view: TensorView, shape: Shape): TensorView {
  return { ...view, shape, strides: broadcastStrides(view.shape, shape, view.strides) };
}
