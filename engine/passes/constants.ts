import { elementCount } from '../graph/indexing.ts';
import type { Shape, Value } from '../graph/types.ts';

/** The number that every element of a constant is, if there is one. */
export function uniformValue(value: Value): number | undefined {
  const { constant } = value;
  if (!constant || constant.length === 0) return undefined;
  const [first] = constant;
  return constant.every((element) => element === first) ? first : undefined;
}

/** The same number to the precision that a float32 constant of an exporter has. */
export function isNearly(value: number | undefined, expected: number): boolean {
  return value !== undefined && Math.abs(value - expected) <= 1e-5 * Math.abs(expected);
}

/**
 * A number for each channel (axis 1) of a tensor [N, C, ...] with which a float constant broadcasts: from a scalar, or
 * from a constant whose only dimension above 1 is the channels'. Undefined for any other.
 */
export function channelValues(value: Value, shape: Shape): Float64Array | undefined {
  const { constant } = value;
  if (!constant || value.kind !== 'float' || value.shape.length > shape.length) return undefined;
  const channels = shape[1];
  const count = elementCount(value.shape);
  if (count === 1) return new Float64Array(channels).fill(constant[0]);
  const channelAxis = value.shape.length - (shape.length - 1);
  return count === channels && value.shape[channelAxis] === channels ? Float64Array.from(constant) : undefined;
}
