import type { Parameter, TensorView } from './kernel.ts';
import { collapseDimensions, type LoopText, type StridedLoop, unsigned } from './strided.ts';

/**
 * Padding lanes: in a channels-last output whose channels aren't a multiple of 4, the lanes from the last channel to the
 * next multiple of 4. Kernels that may vec4-read them rely on finite values there, so whoever writes the output writes
 * zeros into them: its loop goes on to the multiple of 4 along that axis.
 */
export interface Padding {
  /** The loop's dimension that goes on. */
  readonly dimension: number;
  /** How many of its coordinates are elements of the tensor. */
  readonly realSize: number;
}

export interface PaddedLoop {
  readonly loop: StridedLoop;
  /** Absent where there is nothing to pad. */
  readonly padding?: Padding;
}

/**
 * `collapseDimensions` of an output and the views that go with it, with `axis` lengthened to a multiple of 4. The padded
 * axis stays by itself, as those in `separate` do.
 */
export function paddedLoop(
  views: readonly TensorView[],
  axis: number | undefined,
  separate: readonly number[] = [],
): PaddedLoop {
  if (axis === undefined || views[0].shape[axis] % 4 === 0) return { loop: collapseDimensions(views, separate) };
  const alone = separate.includes(axis) ? separate : [...separate, axis];
  const loop = collapseDimensions(
    views.map((view) => lengthened(view, axis)),
    alone,
  );
  return { loop, padding: { dimension: loop.separate[alone.indexOf(axis)], realSize: views[0].shape[axis] } };
}

/** A size with its padding. */
export function paddedSize(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function lengthened(view: TensorView, axis: number): TensorView {
  return { ...view, shape: view.shape.map((size, a) => (a === axis ? paddedSize(size) : size)) };
}

/** The parameter that the functions below read. */
export function paddingParameters(padding: Padding | undefined): Parameter[] {
  return padding ? [unsigned('realSize', padding.realSize)] : [];
}

/** WGSL of a vec4 along the loop's last dimension, with zeros in the place of padding. The loop counts vec4s. */
export function withoutPadding(padding: Padding | undefined, text: LoopText, value: string, zeros: string): string {
  if (!padding) return value;
  return `select(${zeros}, ${value}, 4u * ${text.names[padding.dimension]} + vec4<u32>(0, 1, 2, 3) < vec4<u32>(params.realSize))`;
}

/** WGSL that does something instead where the coordinates lie in the padding; nothing where there is none. */
export function whereInPadding(padding: Padding | undefined, text: LoopText, statements: string): string {
  return padding ? `if (${text.names[padding.dimension]} >= params.realSize) { ${statements} }` : '';
}
