import { sameShape } from '../graph/indexing.ts';
import type { Node, Value } from '../graph/types.ts';
import { channelValues } from './constants.ts';

/** output = scale[c] * input + shift[c], in every channel c of a feature map. */
export interface Affine {
  readonly input: Value;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** A node as a scale and shift of feature maps' channels, if it is one: arithmetic with a scalar or per-channel constant. */
export function affineOf(node: Node | undefined): Affine | undefined {
  if (node?.op.type !== 'binary') return undefined;
  const [a, b] = node.inputs;
  const [input, constant] = a.constant ? [b, a] : [a, b];
  if (input.kind !== 'float' || input.shape.length !== 4 || !sameShape(input.shape, node.outputs[0].shape)) {
    return undefined;
  }
  const values = channelValues(constant, input.shape);
  if (!values) return undefined;
  const all = (number: number) => new Float64Array(values.length).fill(number);
  switch (node.op.function) {
    case 'add':
      return { input, scale: all(1), shift: values };
    case 'multiply':
      return { input, scale: values, shift: all(0) };
    case 'subtract':
      return constant === b
        ? { input, scale: all(1), shift: values.map((value) => -value) }
        : { input, scale: all(-1), shift: values };
    case 'divide': {
      const scale = values.map((value) => 1 / value);
      return constant === b && scale.every(Number.isFinite) ? { input, scale, shift: all(0) } : undefined;
    }
    default:
      return undefined;
  }
}
