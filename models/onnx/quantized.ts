import { elementCount, sameShape } from '../../engine/graph/indexing.ts';
import { ShapeError, type Value } from '../../engine/graph/types.ts';
import { elementType } from '../../loader/onnx/element-types.ts';
import { isNarrow, type NarrowType, rangeOf } from './narrow-types.ts';
import { isConstant, type NodeReader, UnsupportedOperator } from './node-reader.ts';

/**
 * Quantised tensors in a float graph. The integer q stands for (q - zeroPoint) * scale; scale and zero point are one
 * number, or one for each index of an axis. Integers are computed as runtimes do: round half to even, then saturate.
 */

/** The numbers q -> (q - zeroPoint) * scale of a node: its inputs `scale` and `zeroPoint` (0 where left out). */
export interface QuantizationInputs {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The axis of scales that aren't one number: the attribute, or another meaning that the operator gives it. */
type AxisOf = (x: Value) => number;

/** Real numbers of a tensor of integers; of a constant, whatever its size, at once. */
export function dequantize(
  node: NodeReader,
  x: Value,
  inputs: QuantizationInputs,
  axisOf: AxisOf,
  label?: string,
): Value {
  const scale = node.constant(inputs.scale);
  const zeroPoint = node.optional(inputs.zeroPoint) && node.constant(inputs.zeroPoint);
  requireMatching(scale, zeroPoint);
  const zeros = zeroPoint?.constant;
  if (isConstant(x)) return dequantizeConstant(node, x, scale, zeroPoint, axisOf, label);
  const float = node.cast(x, 'float', 'float');
  if (scale.constant.length === 1) {
    return node.unary({ name: 'dequantize', scale: scale.constant[0], zeroPoint: zeros?.[0] ?? 0 }, float, label);
  }
  const shape = alongAxis(float, axisOf(float), scale.constant.length);
  const centered = zeros?.some((zero) => zero !== 0)
    ? node.binary('subtract', float, node.floats('zero-point', shape, zeros), 'centered')
    : float;
  return node.binary('multiply', centered, node.floats('scale', shape, scale.constant), label);
}

/** Integers of a tensor of real numbers, as floats. */
export function quantize(
  node: NodeReader,
  x: Value,
  inputs: QuantizationInputs,
  axisOf: AxisOf,
  type: NarrowType,
  label?: string,
): Value {
  const scale = node.constant(inputs.scale);
  const zeroPoint = node.optional(inputs.zeroPoint) && node.constant(inputs.zeroPoint);
  requireMatching(scale, zeroPoint);
  const [minimum, maximum] = rangeOf(type);
  const zeros = zeroPoint?.constant;
  const float = node.cast(x, 'float', 'float');
  if (scale.constant.length === 1) {
    const fn = { name: 'quantize', scale: scale.constant[0], zeroPoint: zeros?.[0] ?? 0, minimum, maximum } as const;
    return node.unary(fn, float, label);
  }
  const shape = alongAxis(float, axisOf(float), scale.constant.length);
  const scaled = node.binary('divide', float, node.floats('scale', shape, scale.constant), 'scaled');
  const rounded = node.unary('round', scaled, 'rounded');
  const moved = zeros?.some((zero) => zero !== 0)
    ? node.binary('add', rounded, node.floats('zero-point', shape, zeros), 'moved')
    : rounded;
  return node.unary({ name: 'clip', minimum, maximum }, moved, label);
}

/** The type of a quantising node's output: that of its zero point. */
export function typeOfZeroPoint(node: NodeReader, index: number): NarrowType {
  const stated = elementType(node.int('output_dtype', 0));
  const type = node.optional(index) ? node.narrowType(index) : isNarrow(stated) ? stated : 'uint8';
  if (!type) throw new UnsupportedOperator('it quantises to a type other than 8- and 16-bit integers');
  return type;
}

type Constant = ReturnType<NodeReader['constant']>;

function dequantizeConstant(
  node: NodeReader,
  x: Constant,
  scale: Constant,
  zeroPoint: Constant | undefined,
  axisOf: AxisOf,
  label: string | undefined,
): Value {
  const count = scale.constant.length;
  // The number of consecutive elements that share a scale.
  const run = count === 1 ? Math.max(x.constant.length, 1) : innerSize(x, axisOf(x), count);
  const data = new Float32Array(x.constant.length);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / run) % count;
    data[i] = (x.constant[i] - (zeroPoint?.constant[channel] ?? 0)) * scale.constant[channel];
  }
  const name = label === undefined ? node.node.outputs[0] : node.nameOf(label);
  return node.builder.floats(name, x.shape, data);
}

function innerSize(x: Value, axis: number, count: number): number {
  alongAxis(x, axis, count);
  return elementCount(x.shape.slice(axis + 1));
}

/** The shape that broadcasts one number per index of an axis over a tensor. */
function alongAxis(x: Value, axis: number, count: number): number[] {
  if (x.shape[axis] !== count) throw new ShapeError(`${count} scales don't fit axis ${axis} of [${x.shape}]`);
  return x.shape.map((_, other) => (other === axis ? count : 1));
}

function requireMatching(scale: Constant, zeroPoint: Constant | undefined): void {
  if (scale.shape.length > 1) throw new UnsupportedOperator('scales for blocks of a tensor are not supported');
  if (scale.constant.some((number) => !(number > 0 && number < Infinity))) {
    throw new ShapeError(`its scale "${scale.name}" is not a positive number`);
  }
  const sameCount = zeroPoint?.constant.length === scale.constant.length;
  if (zeroPoint && !sameCount && !sameShape(zeroPoint.shape, scale.shape)) {
    throw new ShapeError(`scale [${scale.shape}] and zero point [${zeroPoint.shape}] differ in shape`);
  }
}
