import { evaluatorOf } from '../functions.ts';
import { allocate, elementCount } from '../indexing.ts';
import { requireInputs, requireKind } from '../rules.ts';
import type { ElementKind, OpDefinition } from '../types.ts';

/** A function of each element. */
export interface Unary {
  readonly type: 'unary';
  readonly function: UnaryFunction;
}

/**
 * Functions of one element. Formulae: silu x * sigmoid(x); mish x * tanh(softplus(x)); hardSigmoid
 * clip(alpha * x + beta, 0, 1); hardSwish x * clip(x / 6 + 0.5, 0, 1); gelu x / 2 * (1 + erf(x / sqrt 2)); round halves to
 * even; quantize clip(round(x / scale) + zeroPoint, minimum, maximum), the integer as a float; dequantize
 * (x - zeroPoint) * scale.
 */
export type UnaryFunction =
  | { readonly name: PlainUnaryName }
  | { readonly name: 'leakyRelu'; readonly alpha: number }
  | { readonly name: 'elu'; readonly alpha: number }
  | { readonly name: 'hardSigmoid'; readonly alpha: number; readonly beta: number }
  | { readonly name: 'clip'; readonly minimum: number; readonly maximum: number }
  | {
      readonly name: 'quantize';
      readonly scale: number;
      readonly zeroPoint: number;
      readonly minimum: number;
      readonly maximum: number;
    }
  | { readonly name: 'dequantize'; readonly scale: number; readonly zeroPoint: number };

export type PlainUnaryName =
  | 'relu'
  | 'sigmoid'
  | 'silu'
  | 'mish'
  | 'hardSwish'
  | 'gelu'
  | 'tanh'
  | 'softplus'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'reciprocal'
  | 'negate'
  | 'absolute'
  | 'erf'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'sin'
  | 'cos'
  | 'not';

export const unary: OpDefinition<Unary> = {
  type: 'unary',

  infer(op, inputs) {
    const what = `unary ${op.function.name}`;
    requireInputs(what, inputs, 1);
    const [x] = inputs;
    requireKind(what, x, ...kindsOf(op.function));
    return [{ kind: x.kind, shape: x.shape }];
  },

  /** A function of an element counts as one operation, whatever it is. */
  cost(_op, _inputs, [output]) {
    return { flops: elementCount(output.shape) };
  },

  reference(op, [x]) {
    const evaluate = evaluatorOf(op.function);
    const data = allocate(x.kind, x.data.length);
    for (let i = 0; i < data.length; i++) data[i] = evaluate(x.data[i]);
    return [{ kind: x.kind, shape: x.shape, data }];
  },
};

function kindsOf(fn: UnaryFunction): readonly ElementKind[] {
  switch (fn.name) {
    case 'not':
      return ['bool'];
    case 'relu':
    case 'clip':
    case 'negate':
    case 'absolute':
      return ['float', 'int'];
    default:
      return ['float'];
  }
}
