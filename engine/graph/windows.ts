import { ShapeError } from './tensor.ts';

/** Arithmetic of windows that slide over the two spatial axes: convolutions and pools. All in pixels. */
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** [top, left, bottom, right]. */
  readonly pads: readonly [number, number, number, number];
}

const AXES = ['height', 'width'] as const;

/** [H', W'] = floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1; throws `ShapeError` where nothing fits. */
export function outputSize(what: string, size: readonly [number, number], windows: Windows): [number, number] {
  const along = (axis: 0 | 1) => {
    checkWindow(what, windows, axis);
    const extent = extentOf(windows, axis);
    const padded = size[axis] + windows.pads[axis] + windows.pads[axis + 2];
    if (padded < extent) {
      const window = `${extent} pixels of window`;
      throw new ShapeError(`${what}: the ${AXES[axis]} is ${padded} with padding, too small for ${window}`);
    }
    return Math.floor((padded - extent) / windows.strides[axis]) + 1;
  };
  return [along(0), along(1)];
}

/** Throws `ShapeError` where a window would see nothing but padding. */
export function requireCoveredWindows(what: string, size: readonly [number, number], windows: Windows): void {
  const output = outputSize(what, size, windows);
  for (const axis of [0, 1] as const) {
    const lastStart = (output[axis] - 1) * windows.strides[axis] - windows.pads[axis];
    if (windows.pads[axis] >= extentOf(windows, axis) || lastStart >= size[axis]) {
      throw new ShapeError(`${what}: padding [${windows.pads}] leaves a window without input along the ${AXES[axis]}`);
    }
  }
}

export function checkWindow(what: string, windows: Windows, axis: 0 | 1): void {
  const { kernel, strides, dilations, pads } = windows;
  for (const [name, value] of [
    ['kernel size', kernel[axis]],
    ['stride', strides[axis]],
    ['dilation', dilations[axis]],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new ShapeError(`${what}: the ${name} along the ${AXES[axis]} must be an integer from 1, it is ${value}`);
    }
  }
  if (!pads.every((count) => Number.isInteger(count) && count >= 0)) {
    throw new ShapeError(`${what}: padding must be integers from 0, it is [${pads}]`);
  }
}

/** Pixels that a window spans along an axis, gaps of the dilation included. */
function extentOf(windows: Windows, axis: 0 | 1): number {
  return windows.dilations[axis] * (windows.kernel[axis] - 1) + 1;
}
