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

/** The function as something to call for each element, so that its name is looked up once and not per element. */
export function evaluatorOf(fn: UnaryFunction): (x: number) => number {
  switch (fn.name) {
    case 'leakyRelu': {
      const { alpha } = fn;
      return (x) => (x < 0 ? alpha * x : x);
    }
    case 'elu': {
      const { alpha } = fn;
      return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
    }
    case 'hardSigmoid': {
      const { alpha, beta } = fn;
      return (x) => clip(alpha * x + beta, 0, 1);
    }
    case 'clip': {
      const { minimum, maximum } = fn;
      return (x) => clip(x, minimum, maximum);
    }
    case 'quantize': {
      const { scale, zeroPoint, minimum, maximum } = fn;
      // The quotient is rounded to float32, as runtimes compute it: otherwise values that should tie would not.
      return (x) => clip(roundHalfToEven(Math.fround(x / scale)) + zeroPoint, minimum, maximum);
    }
    case 'dequantize': {
      const { scale, zeroPoint } = fn;
      return (x) => (x - zeroPoint) * scale;
    }
    default:
      return plainFunctions[fn.name];
  }
}

/** One element. Formulae: `UnaryFunction`. */
export function evaluateUnary(fn: UnaryFunction, x: number): number {
  return evaluatorOf(fn)(x);
}

const plainFunctions: { readonly [name in PlainUnaryName]: (x: number) => number } = {
  relu: (x) => Math.max(x, 0),
  sigmoid,
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  hardSwish: (x) => x * clip(x / 6 + 0.5, 0, 1),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  tanh: Math.tanh,
  softplus,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  negate: (x) => -x,
  absolute: Math.abs,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  sin: Math.sin,
  cos: Math.cos,
  not: (x) => (x === 0 ? 1 : 0),
};

/** As ONNX: the maximum wins where it is below the minimum, and NaN stays NaN. */
function clip(x: number, minimum: number, maximum: number): number {
  return Math.min(Math.max(x, minimum), maximum);
}

/** Never overflows: only exponentials of negative numbers are taken. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** log(1 + exp(x)), without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Error function to double precision: Abramowitz & Stegun 7.1.6 (series) near zero, 7.1.14 (continued fraction) beyond. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let denominator = z;
  for (let n = 60; n >= 1; n--) denominator = z + n / 2 / denominator;
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / denominator);
}
