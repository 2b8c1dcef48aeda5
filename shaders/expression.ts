/**
 * Expressions of elementwise kernels: what one output element is, in terms of the inputs' elements at the same place.
 * A chain of nodes becomes one expression, so that what lies between them never goes to memory.
 */
import type { BinaryFunction } from '../engine/graph/ops/binary.ts';
import type { UnaryFunction } from '../engine/graph/ops/unary.ts';
import type { ElementKind } from '../engine/graph/types.ts';
import { unaryExpression } from './functions.ts';
import type { Parameter } from './kernel.ts';

/**
 * A node that is reached twice (the same object) is computed once. Semantics: the ops of the same names. Integers and
 * booleans of a tensor are both i32; where an operand must be boolean, an integer is true if it isn't 0.
 */
export type Expression =
  | { readonly type: 'input'; readonly input: number }
  | { readonly type: 'constant'; readonly kind: ElementKind; readonly value: number }
  | { readonly type: 'unary'; readonly function: UnaryFunction; readonly operand: Expression }
  | {
      readonly type: 'binary';
      readonly function: BinaryFunction;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly type: 'select';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | { readonly type: 'cast'; readonly to: ElementKind; readonly operand: Expression };

/** An input's element as WGSL, of kind float (f32) or int (i32), or vec4s of these. */
export interface ExpressionInput {
  readonly kind: 'float' | 'int';
  readonly text: string;
}

export interface ExpressionText {
  /** Functions that the statements call. */
  readonly functions: string;
  /** Statements that compute the result. */
  readonly statements: string;
  /** The result, of WGSL type f32 or i32 by its kind; booleans as 0 and 1. */
  readonly result: string;
  readonly kind: ElementKind;
  /** Constants of the expression. */
  readonly parameters: readonly Parameter[];
  /** The names of its functions, for labels. */
  readonly summary: string;
}

/** Writes an expression as WGSL, for one element or four. Throws where the kinds of operands don't fit. */
export function expressionText(
  expression: Expression,
  inputs: readonly ExpressionInput[],
  width: 1 | 4,
): ExpressionText {
  const writer = new ExpressionWriter(inputs, width);
  const result = writer.write(expression);
  return {
    functions: [...writer.functions].join(''),
    statements: writer.statements.join('\n  '),
    result: result.kind === 'bool' ? writer.convert(result, 'int').text : result.text,
    kind: result.kind,
    parameters: writer.parameters,
    summary: writer.names.join(' ') || 'copy',
  };
}

/** A WGSL identifier or expression and its kind: f32, i32 or bool, or vec4s of these. */
interface Term {
  readonly kind: ElementKind;
  readonly text: string;
}

const WGSL_TYPES = { float: 'f32', int: 'i32', bool: 'bool' } as const;

const COMPARISONS: { readonly [name in BinaryFunction]?: string } = {
  equal: '==',
  less: '<',
  lessOrEqual: '<=',
  greater: '>',
  greaterOrEqual: '>=',
};

const OPERATORS: { readonly [name in BinaryFunction]?: string } = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
};

class ExpressionWriter {
  readonly statements: string[] = [];
  readonly parameters: Parameter[] = [];
  readonly functions = new Set<string>();
  readonly names: string[] = [];
  readonly #inputs: readonly ExpressionInput[];
  readonly #width: 1 | 4;
  readonly #known = new Map<Expression, Term>();
  readonly #read = new Map<number, Term>();

  constructor(inputs: readonly ExpressionInput[], width: 1 | 4) {
    this.#inputs = inputs;
    this.#width = width;
  }

  write(expression: Expression): Term {
    const known = this.#known.get(expression);
    if (known) return known;
    const term = this.#write(expression);
    this.#known.set(expression, term);
    return term;
  }

  /** A term as another kind: numbers are true where they aren't 0, floats truncate towards zero. */
  convert(term: Term, kind: ElementKind): Term {
    if (term.kind === kind) return term;
    if (kind === 'bool') return { kind, text: `(${term.text} != ${this.#zero(term.kind)})` };
    if (term.kind === 'bool') {
      const type = this.#type(kind);
      return { kind, text: `select(${type}(0), ${type}(1), ${term.text})` };
    }
    return { kind, text: `${this.#type(kind)}(${term.text})` };
  }

  #write(expression: Expression): Term {
    switch (expression.type) {
      case 'input':
        return this.#input(expression.input);
      case 'constant':
        return this.#constant(expression.kind, expression.value);
      case 'unary':
        return this.#let(this.#unary(expression.function, this.write(expression.operand)));
      case 'binary':
        return this.#let(this.#binary(expression));
      case 'select': {
        this.names.push('select');
        const condition = this.convert(this.write(expression.condition), 'bool');
        const [a, b] = this.#alike('select', this.write(expression.whenTrue), this.write(expression.whenFalse));
        return this.#let({ kind: a.kind, text: `select(${b.text}, ${a.text}, ${condition.text})` });
      }
      case 'cast':
        this.names.push(expression.to);
        return this.#let(this.convert(this.write(expression.operand), expression.to));
    }
  }

  #input(index: number): Term {
    const known = this.#read.get(index);
    if (known) return known;
    const input = this.#inputs[index];
    if (!input) throw new Error(`The expression reads input ${index} of ${this.#inputs.length}`);
    const term = this.#let(input);
    this.#read.set(index, term);
    return term;
  }

  #constant(kind: ElementKind, value: number): Term {
    if (kind === 'bool') return { kind, text: `${this.#type(kind)}(${value !== 0})` };
    const name = `constant${this.parameters.length}`;
    this.parameters.push({ name, type: WGSL_TYPES[kind], value });
    return this.#let({ kind, text: `${this.#type(kind)}(params.${name})` });
  }

  #unary(fn: UnaryFunction, operand: Term): Term {
    this.names.push(fn.name);
    if (fn.name === 'not') return { kind: 'bool', text: `!${this.convert(operand, 'bool').text}` };
    if (operand.kind === 'float') return { kind: 'float', text: unaryExpression(fn, operand.text, this.#width) };
    const { text } = this.convert(operand, 'int');
    switch (fn.name) {
      case 'relu':
        return { kind: 'int', text: `max(${text}, ${this.#zero('int')})` };
      case 'clip':
        return { kind: 'int', text: this.#integerClip(text, fn.minimum, fn.maximum) };
      case 'negate':
        return { kind: 'int', text: `-${text}` };
      case 'absolute':
        return { kind: 'int', text: `abs(${text})` };
      default:
        throw new Error(`${fn.name} of integers isn't supported: cast them to float`);
    }
  }

  #integerClip(x: string, minimum: number, maximum: number): string {
    const bound = (value: number) => `${this.#type('int')}(i32(${Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1)}))`;
    return `min(max(${x}, ${bound(Math.ceil(minimum))}), ${bound(Math.floor(maximum))})`;
  }

  #binary(expression: Extract<Expression, { type: 'binary' }>): Term {
    const name = expression.function;
    this.names.push(name);
    const left = this.write(expression.left);
    if (name === 'power' && left.kind === 'float' && expression.right.type === 'constant') {
      const simple = constantPower(left.text, expression.right.value);
      if (simple) return { kind: 'float', text: simple };
    }
    const right = this.write(expression.right);
    if (name === 'and' || name === 'or') {
      const operator = name === 'and' ? '&' : '|';
      return {
        kind: 'bool',
        text: `${this.convert(left, 'bool').text} ${operator} ${this.convert(right, 'bool').text}`,
      };
    }
    const [a, b] = this.#alike(name, left, right);
    const comparison = COMPARISONS[name];
    if (comparison) return { kind: 'bool', text: `${a.text} ${comparison} ${b.text}` };
    if (a.kind === 'bool') throw new Error(`${name} of booleans isn't supported`);
    const operator = OPERATORS[name];
    if (operator) return { kind: a.kind, text: `${a.text} ${operator} ${b.text}` };
    switch (name) {
      case 'minimum':
        return { kind: a.kind, text: `min(${a.text}, ${b.text})` };
      case 'maximum':
        return { kind: a.kind, text: `max(${a.text}, ${b.text})` };
      case 'modulo':
        return this.#call(a.kind === 'float' ? FLOAT_MODULO : INTEGER_MODULO, a, b);
      default:
        return this.#call(a.kind === 'float' ? FLOAT_POWER : INTEGER_POWER, a, b);
    }
  }

  /** A call of a function of two scalars, lane by lane. */
  #call(definition: FunctionText, a: Term, b: Term): Term {
    this.functions.add(definition.text);
    const { name } = definition;
    if (this.#width === 1) return { kind: a.kind, text: `${name}(${a.text}, ${b.text})` };
    const lanes = ['x', 'y', 'z', 'w'].map((lane) => `${name}(${a.text}.${lane}, ${b.text}.${lane})`);
    return { kind: a.kind, text: `${this.#type(a.kind)}(${lanes.join(', ')})` };
  }

  /** Two operands of one kind; a boolean beside an integer counts as 0 or 1. */
  #alike(name: string, a: Term, b: Term): [Term, Term] {
    if (a.kind === b.kind) return [a, b];
    if (a.kind === 'float' || b.kind === 'float')
      throw new Error(`${name} of ${a.kind} and ${b.kind}: cast one of them`);
    return [this.#let(this.convert(a, 'int')), this.#let(this.convert(b, 'int'))];
  }

  /** Gives a term a name, so that it is computed once and can be used as an identifier. */
  #let(term: Term): Term {
    const name = `v${this.statements.length}`;
    this.statements.push(`let ${name} = ${term.text};`);
    return { kind: term.kind, text: name };
  }

  #type(kind: ElementKind): string {
    return this.#width === 4 ? `vec4<${WGSL_TYPES[kind]}>` : WGSL_TYPES[kind];
  }

  #zero(kind: ElementKind): string {
    return `${this.#type(kind)}(0)`;
  }
}

/** Powers that need no logarithm, and so are right for negative bases, or undefined. */
function constantPower(x: string, exponent: number): string | undefined {
  if (Number.isInteger(exponent) && exponent >= 1 && exponent <= 4) return new Array(exponent).fill(x).join(' * ');
  if (exponent === -1) return `1.0f / ${x}`;
  if (exponent === 0.5) return `sqrt(${x})`;
  return undefined;
}

interface FunctionText {
  readonly name: string;
  readonly text: string;
}

/** WGSL's pow has no value for a negative base; an integer exponent only decides the sign. Otherwise NaN, as C's pow. */
const FLOAT_POWER: FunctionText = {
  name: 'power',
  text: `fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0f) { return 1.0f; }
  let magnitude = pow(abs(x), y);
  if (x >= 0.0f) { return magnitude; }
  if (y != floor(y)) { return sqrt(x); }
  return select(magnitude, -magnitude, fract(y * 0.5f) != 0.0f);
}
`,
};

/** By squaring. A negative exponent truncates to 0 unless the base is 1 or -1. */
const INTEGER_POWER: FunctionText = {
  name: 'integerPower',
  text: `fn integerPower(x: i32, y: i32) -> i32 {
  if (y < 0 && abs(x) != 1) { return 0; }
  var result = 1;
  var square = x;
  for (var exponent = abs(y); exponent != 0; exponent >>= 1u) {
    if ((exponent & 1) != 0) { result *= square; }
    square *= square;
  }
  return result;
}
`,
};

/**
 * C's fmod. WGSL's % is x - y * trunc(x / y), which rounds: it may end up one divisor off, and is NaN for an infinite y.
 */
const FLOAT_MODULO: FunctionText = {
  name: 'floatModulo',
  text: `fn floatModulo(x: f32, y: f32) -> f32 {
  let a = abs(x);
  let b = abs(y);
  if (a < b) { return x; }
  var remainder = a - b * floor(a / b);
  if (remainder < 0.0f) { remainder += b; }
  if (remainder >= b) { remainder -= b; }
  return select(remainder, -remainder, x < 0.0f);
}
`,
};

/** WGSL's % has the sign of the dividend. */
const INTEGER_MODULO: FunctionText = {
  name: 'integerModulo',
  text: `fn integerModulo(x: i32, y: i32) -> i32 {
  let remainder = x % y;
  return select(remainder, remainder + y, remainder != 0 && (remainder < 0) != (y < 0));
}
`,
};
