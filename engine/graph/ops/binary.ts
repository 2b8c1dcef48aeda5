import { allocate, broadcastShapes, broadcastStrides, elementCount, forEachRow } from '../indexing.ts';
import { requireInputs } from '../rules.ts';
import type { ElementKind, OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/**
 * Two tensors, element by element, with NumPy broadcasting. Both inputs are of one kind. Comparisons give booleans.
 * Integer division truncates towards zero; integer modulo takes the sign of the divisor, float modulo that of the
 * dividend (C's fmod).
 */
export interface Binary {
  readonly type: 'binary';
  readonly function: BinaryFunction;
}

export type BinaryFunction =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'power'
  | 'minimum'
  | 'maximum'
  | 'modulo'
  | 'equal'
  | 'less'
  | 'lessOrEqual'
  | 'greater'
  | 'greaterOrEqual'
  | 'and'
  | 'or';

export const binary: OpDefinition<Binary> = {
  type: 'binary',

  infer(op, inputs) {
    const what = `binary ${op.function}`;
    requireInputs(what, inputs, 2);
    const [a, b] = inputs;
    if (a.kind !== b.kind) {
      throw new ShapeError(`${what}: inputs must be of one kind, they are ${a.kind} and ${b.kind}`);
    }
    const { takes, gives } = rules[op.function];
    if (!takes.includes(a.kind)) {
      throw new ShapeError(`${what}: inputs must be ${takes.join(' or ')}, they are ${a.kind}`);
    }
    return [{ kind: gives ?? a.kind, shape: broadcastShapes(what, [a.shape, b.shape]) }];
  },

  cost(_op, _inputs, [output]) {
    return { flops: elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [a, b] = inputs;
    const [{ kind, shape }] = binary.infer(op, inputs);
    const data = allocate(kind, elementCount(shape));
    const evaluate = a.kind === 'int' ? integerFunctions[op.function] : functions[op.function];
    let written = 0;
    forEachRow(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)], (length, starts, steps) => {
      const end = written + length;
      let [ia, ib] = starts;
      const [stepA, stepB] = steps;
      for (let i = written; i < end; i++) {
        data[i] = evaluate(a.data[ia], b.data[ib]);
        ia += stepA;
        ib += stepB;
      }
      written = end;
    });
    return [{ kind, shape, data }];
  },
};

interface Rule {
  readonly takes: readonly ElementKind[];
  /** The output's kind; the inputs' where absent. */
  readonly gives?: ElementKind;
}

const arithmetic: Rule = { takes: ['float', 'int'] };
const ordering: Rule = { takes: ['float', 'int'], gives: 'bool' };
const logic: Rule = { takes: ['bool'] };

const rules: { readonly [name in BinaryFunction]: Rule } = {
  add: arithmetic,
  subtract: arithmetic,
  multiply: arithmetic,
  divide: arithmetic,
  power: arithmetic,
  minimum: arithmetic,
  maximum: arithmetic,
  modulo: arithmetic,
  equal: { takes: ['float', 'int', 'bool'], gives: 'bool' },
  less: ordering,
  lessOrEqual: ordering,
  greater: ordering,
  greaterOrEqual: ordering,
  and: logic,
  or: logic,
};

type Evaluate = (a: number, b: number) => number;

const functions: { readonly [name in BinaryFunction]: Evaluate } = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  power: (a, b) => a ** b,
  minimum: Math.min,
  maximum: Math.max,
  modulo: (a, b) => a % b,
  equal: (a, b) => (a === b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  lessOrEqual: (a, b) => (a <= b ? 1 : 0),
  greater: (a, b) => (a > b ? 1 : 0),
  greaterOrEqual: (a, b) => (a >= b ? 1 : 0),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
};

/** Sums and products wrap at 32 bits, as on the device. What ONNX leaves open (division by zero) gives 0. */
const integerFunctions: { readonly [name in BinaryFunction]: Evaluate } = {
  ...functions,
  multiply: Math.imul,
  divide: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  power: (a, b) => Math.trunc(a ** b),
  modulo: (a, b) => (b === 0 ? 0 : ((a % b) + b) % b),
};
