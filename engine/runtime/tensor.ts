import { InvalidArgumentError } from '../errors.ts';
import { elementCount } from '../graph/indexing.ts';
import { float16ToFloat32 } from '../half.ts';
import type { PlanTensor } from '../plan/plan.ts';

export type TensorElements =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int32Array
  | BigInt64Array;

/** A tensor as callers hand it over: row-major elements of `type`. */
export interface RawTensor {
  /** 'float16' elements are the bits of each number in a Uint16Array (a Float16Array is taken too). */
  readonly type: 'float32' | 'float64' | 'float16' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool';
  readonly dims: readonly number[];
  readonly data: TensorElements;
}

/** A caller's tensor as the device takes it: float32, or int32 for integers and booleans. */
export function toDeviceElements(
  tensor: PlanTensor,
  given: RawTensor,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  const count = elementCount(tensor.shape);
  if (given.data.length !== count) {
    throw new InvalidArgumentError(
      `input ${tensor.name} is [${tensor.shape}] and needs ${count} elements; ${given.data.length} were given`,
    );
  }
  const numbers = toNumbers(given);
  if (tensor.kind === 'float') return numbers instanceof Float32Array ? owned(numbers) : Float32Array.from(numbers);
  return Int32Array.from(numbers);
}

function toNumbers({ type, data }: RawTensor): ArrayLike<number> & Iterable<number> {
  if (data instanceof BigInt64Array) return Array.from(data, Number);
  // A Float16Array already holds numbers; only a Uint16Array holds bits.
  return type === 'float16' && data instanceof Uint16Array ? float16ToFloat32(data) : data;
}

/** Typed arrays over shared memory can't be uploaded as they are. */
function owned(data: Float32Array): Float32Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : Float32Array.from(data);
}
