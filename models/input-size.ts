import { InvalidArgumentError } from '../engine/errors.ts';

/** One number for a square, or [width, height], in pixels. */
export type InputSize = number | readonly [number, number];

/** Where a network doesn't say and the caller doesn't either. */
export const DEFAULT_INPUT_SIZE = 640;

/** Beyond it there are more anchors than can be computed ahead, and tensors that no device binds. */
const LARGEST_INPUT_SIZE = 8192;

/**
 * [width, height] of a size that somebody asks for.
 * @throws InvalidArgumentError where it is larger than any network's input
 */
export function sidesOf(source: string, size: InputSize): readonly [number, number] {
  const sides = typeof size === 'number' ? ([size, size] as const) : size;
  const excessive = sides.find((pixels) => pixels > LARGEST_INPUT_SIZE);
  if (excessive === undefined) return sides;
  throw new InvalidArgumentError(`${source}: the input size ${excessive} is above ${LARGEST_INPUT_SIZE} pixels`);
}

export interface SizeRules {
  /** Where the file came from, for messages. */
  readonly source: string;
  /** [width, height] that the network is fixed to; undefined where it takes any multiple of its stride. */
  readonly fixed: readonly [number | undefined, number | undefined];
  /** [width, height] to use where the caller names none. */
  readonly preferred: readonly [number, number];
  readonly stride: number;
}

/**
 * The [width, height] to specialise a network to.
 * @throws InvalidArgumentError where the network doesn't take the requested size
 */
export function chooseInputSize(requested: InputSize | undefined, rules: SizeRules): readonly [number, number] {
  const { source, fixed, preferred, stride } = rules;
  const wanted = requested === undefined ? undefined : sidesOf(source, requested);
  const size = [0, 1].map((axis) => wanted?.[axis] ?? fixed[axis] ?? preferred[axis]);
  for (const axis of [0, 1]) {
    const pixels = size[axis];
    const only = fixed[axis];
    if (only !== undefined && pixels !== only) {
      const name = `${fixed[0] ?? 'any'}x${fixed[1] ?? 'any'}`;
      throw new InvalidArgumentError(
        `${source} is fixed to an input of ${name} pixels, not ${size.join('x')}; export it with dynamic axes to choose`,
      );
    }
    if (only !== undefined) continue;
    sidesOf(source, pixels);
    if (!Number.isInteger(pixels) || pixels < 1 || pixels % stride !== 0) {
      throw new InvalidArgumentError(
        `${source}: the input size ${pixels} is not a multiple of the network's stride ${stride}; use ${nearest(pixels, stride)}`,
      );
    }
  }
  return [size[0], size[1]];
}

function nearest(pixels: number, stride: number): string {
  if (!(pixels > stride)) return String(stride);
  const below = Math.floor(pixels / stride) * stride;
  return `${below} or ${below + stride}`;
}
