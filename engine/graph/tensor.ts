/** What tensors and ops are, before there is a graph of them. */

/**
 * What a tensor's elements mean. How a float is stored on the device (float32, float16, int8) is decided later, per
 * tensor; integers and booleans are 32-bit integers there. Integers of a file are narrowed to 32 bits, saturating.
 */
export type ElementKind = 'float' | 'int' | 'bool';

/** Dimensions, outermost first, in the order the file states them: feature maps are [batch, channels, height, width]. */
export type Shape = readonly number[];

/** Row-major elements of a constant. Booleans are 0 and 1. */
export type ConstantData = Float32Array | Int32Array | Uint8Array;

/** The type of a tensor, known before anything runs: the graph is specialised to its input shape. */
export interface TensorType {
  readonly kind: ElementKind;
  readonly shape: Shape;
}

/** A tensor with its elements at hand, row major: what reference implementations read and write. */
export interface DenseTensor extends TensorType {
  readonly data: Float64Array | Float32Array | Int32Array | Uint8Array;
}

/** Arithmetic of one node: multiply and add count as two. Bytes follow from the tensors and their precision. */
export interface Cost {
  readonly flops: number;
}

/** Everything the compiler knows of one op. */
export interface OpDefinition<O extends { readonly type: string }> {
  readonly type: O['type'];
  /** The types of the outputs; throws `ShapeError` where the inputs don't fit the op. */
  infer(op: O, inputs: readonly TensorType[]): TensorType[];
  cost(op: O, inputs: readonly TensorType[], outputs: readonly TensorType[]): Cost;
  /**
   * The op in plain TypeScript, written for reading. Accumulates in double precision; float outputs are Float64Array.
   * It folds constants and is the oracle of the kernel tests.
   */
  reference(op: O, inputs: readonly DenseTensor[]): DenseTensor[];
}

/** The inputs of a node don't fit its op. The caller adds which node of which file. */
export class ShapeError extends Error {}
