import type { BinaryFunction } from '../../../engine/graph/ops/binary.ts';
import type { PlainUnaryName } from '../../../engine/graph/ops/unary.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { elementType } from '../../../loader/onnx/element-types.ts';
import { bitsOf, isNarrow, type NarrowType, rangeOf } from '../narrow-types.ts';
import { type Importer, isConstant, type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

/** Arithmetic, comparisons and functions of one element that are no activations. */
export const elementwise: OperatorTable = {
  Add: arithmetic('add'),
  Sub: arithmetic('subtract'),
  Mul: arithmetic('multiply'),
  Div: arithmetic('divide'),
  Pow: power,
  Mod: modulo,
  Min: variadic('minimum'),
  Max: variadic('maximum'),
  Sum: variadic('add'),
  Mean: mean,
  Equal: comparison('equal'),
  Less: comparison('less'),
  LessOrEqual: comparison('lessOrEqual'),
  Greater: comparison('greater'),
  GreaterOrEqual: comparison('greaterOrEqual'),
  And: comparison('and'),
  Or: comparison('or'),
  Xor: (node) => {
    const different = node.binary('equal', node.input(0), node.input(1), 'equal');
    return [node.unary('not', different)];
  },
  Not: unary('not'),
  Where: (node) => [node.apply({ type: 'select' }, [node.input(0), node.input(1), node.input(2)])],
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Reciprocal: unary('reciprocal'),
  Neg: unary('negate'),
  Abs: unary('absolute'),
  Erf: unary('erf'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  Sin: unary('sin'),
  Cos: unary('cos'),
  Clip: clip,
  Cast: cast,
  CastLike: (node) => [node.cast(node.input(0), node.input(1).kind)],
};

function unary(name: PlainUnaryName): Importer {
  return (node) => [node.unary(name, node.input(0))];
}

function comparison(fn: BinaryFunction): Importer {
  return (node) => [node.binary(fn, node.input(0), node.input(1))];
}

function arithmetic(fn: 'add' | 'subtract' | 'multiply' | 'divide'): Importer {
  return (node) => {
    const [a, b] = [node.input(0), node.input(1)];
    const narrow = node.narrowType(0);
    if (!narrow) return [node.binary(fn, a, b)];
    if (fn === 'multiply' || fn === 'divide') {
      throw new UnsupportedOperator(`arithmetic on ${narrow} tensors is limited to sums and differences`);
    }
    return [wrap(node, node.binary(fn, a, b, 'sum'), narrow)];
  };
}

/**
 * Whole numbers brought into the range of an integer type as its arithmetic does, modulo 2^bits. The remainder of a float
 * has the sign of the dividend, so the dividend is first raised above zero by a multiple of 2^bits that the sum or
 * difference of two numbers of the type can't outweigh.
 */
function wrap(node: NodeReader, x: Value, type: NarrowType): Value {
  const values = 2 ** bitsOf(type);
  const [minimum] = rangeOf(type);
  const raised = node.binary('add', x, node.floats('raise', [], [2 * values - minimum]), 'raised');
  const remainder = node.binary('modulo', raised, node.floats('values', [], [values]), 'remainder');
  return node.binary('add', remainder, node.floats('minimum', [], [minimum]));
}

/** Powers that have a cheaper form are written in it; a general power of a negative base is undefined on the device. */
function power(node: NodeReader): Value[] {
  const base = node.input(0);
  const exponent = node.input(1);
  if (isConstant(exponent) && exponent.constant.length > 0) {
    const [first] = exponent.constant;
    const uniform = exponent.constant.every((element) => element === first);
    if (uniform && exponent.shape.length <= base.shape.length) {
      if (first === 2) return [node.binary('multiply', base, base)];
      if (first === 0.5) return [node.unary('sqrt', base)];
    }
  }
  return [node.binary('power', base, node.cast(exponent, base.kind, 'exponent'))];
}

/** Integers: the sign of the divisor, or of the dividend with `fmod`. Floats: always the sign of the dividend. */
function modulo(node: NodeReader): Value[] {
  const [a, b] = [node.input(0), node.input(1)];
  if (a.kind === 'float' || node.int('fmod', 0) === 0) return [node.binary('modulo', a, b)];
  const quotient = node.binary('divide', a, b, 'quotient');
  return [node.binary('subtract', a, node.binary('multiply', quotient, b, 'multiple'))];
}

function variadic(fn: BinaryFunction): Importer {
  return (node) => [combine(node, fn, undefined)];
}

function combine(node: NodeReader, fn: BinaryFunction, label: string | undefined): Value {
  const values = node.allInputs();
  if (values.length === 0) throw new ShapeError('it has no inputs');
  return values.reduce((result, value, index) =>
    node.binary(fn, result, value, index === values.length - 1 ? label : `${fn}${index}`),
  );
}

function mean(node: NodeReader): Value[] {
  if (node.inputCount === 1) return [node.input(0)];
  const sum = combine(node, 'add', 'sum');
  return [node.binary('multiply', sum, node.scalarLike(sum, 'weight', 1 / node.inputCount))];
}

/** The largest finite float32: what a bound that is left out means. */
const FLOAT_MAX = 3.4028234663852886e38;

/** Bounds are attributes before version 11, inputs from then on. */
function clip(node: NodeReader): Value[] {
  const x = node.input(0);
  if (node.opset < 11) {
    const bounds = { minimum: node.float('min', -FLOAT_MAX), maximum: node.float('max', FLOAT_MAX) };
    return [node.unary({ name: 'clip', ...bounds }, x)];
  }
  const [minimum, maximum] = [node.optional(1), node.optional(2)];
  const known = (bound: Value | undefined) => !bound || (isConstant(bound) && bound.constant.length === 1);
  if (known(minimum) && known(maximum)) {
    const least = node.optionalScalar(1) ?? -FLOAT_MAX;
    const greatest = node.optionalScalar(2) ?? FLOAT_MAX;
    return [node.unary({ name: 'clip', minimum: least, maximum: greatest }, x)];
  }
  const raised = minimum ? node.binary('maximum', x, minimum, maximum ? 'raised' : undefined) : x;
  return [maximum ? node.binary('minimum', raised, maximum) : raised];
}

/** A cast to an 8- or 16-bit integer truncates floats, and takes the low bits of integers. */
function cast(node: NodeReader): Value[] {
  const x = node.input(0);
  const code = node.required('to', 'int');
  const type = elementType(code);
  if (!type) throw new UnsupportedOperator(`element type ${code} is not supported`);
  if (isNarrow(type)) {
    if (node.narrowType(0) === type) return [x];
    if (node.narrowType(0) || x.kind === 'int')
      throw new UnsupportedOperator(`casting integers to ${type} is not supported`);
    const whole = node.cast(x, x.kind === 'bool' ? 'bool' : 'int', 'whole');
    return [node.cast(whole, 'float')];
  }
  if (type === 'bool') return [node.cast(x, 'bool')];
  return [node.cast(x, type.startsWith('int') || type.startsWith('uint') ? 'int' : 'float')];
}
