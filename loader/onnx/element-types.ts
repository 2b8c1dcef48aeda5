import type { StoredType } from '../model-file.ts';

/** TensorProto.DataType of onnx.proto: the element types that a tensor is read in. */
const supported = new Map<number, StoredType>([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
]);

/** And the ones that are known and refused. */
const refused = new Map<number, string>([
  [8, 'string'],
  [14, 'complex64'],
  [15, 'complex128'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4e2m1'],
  [24, 'float8e8m0'],
  [25, 'uint2'],
  [26, 'int2'],
]);

/** The element type of an ONNX code, or `undefined` where it isn't supported. */
export function elementType(code: number): StoredType | undefined {
  return supported.get(code);
}

/** A name for an element type that isn't supported. */
export function refusedTypeName(code: number): string {
  return refused.get(code) ?? `unknown element type ${code}`;
}
