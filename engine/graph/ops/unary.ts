import { evaluatorOf, type UnaryFunction } from '../functions.ts';
import { allocate, elementCount } from '../indexing.ts';
import { requireInputs, requireKind } from '../rules.ts';
import type { ElementKind, OpDefinition } from '../tensor.ts';

export type { PlainUnaryName, UnaryFunction } from '../functions.ts';

/** A function of each element. */
export interface Unary {
  readonly type: 'unary';
  readonly function: UnaryFunction;
}

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
