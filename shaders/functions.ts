import type { UnaryFunction } from '../engine/graph/ops/unary.ts';
import { floatLiteral } from './assemble.ts';

/**
 * A function of one element as a WGSL expression of type f32 (width 1) or vec4<f32> (width 4). `x` is an identifier of
 * that type; it may occur several times in the expression.
 *
 * WGSL lets an implementation assume that no infinity and no NaN ever arises, so every exponential here has a clamped
 * argument: all results are finite for every finite `x`, except where the function itself has a pole or no value (log,
 * sqrt, reciprocal, exp beyond 88).
 */
export function unaryExpression(fn: UnaryFunction, x: string, width: 1 | 4): string {
  const splat = (value: number) => (width === 4 ? `vec4<f32>(${floatLiteral(value)})` : floatLiteral(value));
  switch (fn.name) {
    case 'relu':
      return `max(${x}, ${splat(0)})`;
    case 'leakyRelu':
      return `(max(${x}, ${splat(0)}) + ${floatLiteral(fn.alpha)} * min(${x}, ${splat(0)}))`;
    case 'elu':
      return `(max(${x}, ${splat(0)}) + ${floatLiteral(fn.alpha)} * (exp(min(${x}, ${splat(0)})) - 1.0f))`;
    case 'sigmoid':
      return `(1.0f / (1.0f + exp(-max(${x}, ${splat(LEAST_EXPONENT)}))))`;
    case 'silu':
      return `(${x} / (1.0f + exp(-max(${x}, ${splat(LEAST_EXPONENT)}))))`;
    case 'mish': {
      // tanh(ln(1 + e)) = n / (n + 2) with e = exp(x), n = e (e + 2). At x = 20 that is 1 in float32 already.
      const e = `exp(min(${x}, ${splat(20)}))`;
      const n = `${e} * (${e} + 2.0f)`;
      return `(${x} * (${n} / (${n} + 2.0f)))`;
    }
    case 'softplus':
      return `(max(${x}, ${splat(0)}) + log(1.0f + exp(-abs(${x}))))`;
    case 'hardSigmoid':
      return `clamp(${floatLiteral(fn.alpha)} * ${x} + ${floatLiteral(fn.beta)}, ${splat(0)}, ${splat(1)})`;
    case 'hardSwish':
      return `(${x} * clamp(${x} / 6.0f + 0.5f, ${splat(0)}, ${splat(1)}))`;
    case 'tanh':
      // Some drivers compute it from exp(2x), which overflows; beyond 10 it is 1 in float32.
      return `tanh(clamp(${x}, ${splat(-10)}, ${splat(10)}))`;
    case 'gelu':
      return `(0.5f * ${x} * (1.0f + ${erf(`(${floatLiteral(Math.SQRT1_2)} * ${x})`, splat)}))`;
    case 'erf':
      return erf(x, splat);
    case 'clip':
      return clip(x, fn.minimum, fn.maximum, splat);
    case 'quantize': {
      const level = `round(${x} / ${floatLiteral(fn.scale)}) + ${floatLiteral(fn.zeroPoint)}`;
      return clip(level, fn.minimum, fn.maximum, splat);
    }
    case 'dequantize':
      return `((${x} - ${floatLiteral(fn.zeroPoint)}) * ${floatLiteral(fn.scale)})`;
    case 'reciprocal':
      return `(1.0f / ${x})`;
    case 'negate':
      return `(-${x})`;
    case 'absolute':
      return `abs(${x})`;
    case 'not':
      return `select(${splat(0)}, ${splat(1)}, ${x} == ${splat(0)})`;
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'floor':
    case 'ceil':
    case 'round':
    case 'sin':
    case 'cos':
      return `${fn.name}(${x})`;
  }
}

/** exp(80) = 5.5e34 stays well inside float32, and 1 / exp(80) is 0 for every purpose. */
const LEAST_EXPONENT = -80;

/** Abramowitz and Stegun 7.1.26, absolute error below 2e-7 before rounding. Beyond 6 the error function is 1. */
function erf(x: string, splat: (value: number) => string): string {
  const magnitude = `min(abs(${x}), ${splat(6)})`;
  const t = `(1.0f / (1.0f + 0.3275911f * ${magnitude}))`;
  const coefficients = ['1.061405429f', '-1.453152027f', '1.421413741f', '-0.284496736f', '0.254829592f'];
  const polynomial = coefficients.reduce((sum, coefficient) => `(${sum} * ${t} + ${coefficient})`);
  return `(sign(${x}) * (1.0f - ${polynomial} * ${t} * exp(-${magnitude} * ${magnitude})))`;
}

/** An infinite bound is no bound; WGSL has no literal for it. */
function clip(x: string, minimum: number, maximum: number, splat: (value: number) => string): string {
  const above = minimum === -Infinity ? `(${x})` : `max(${x}, ${splat(minimum)})`;
  return maximum === Infinity ? above : `min(${above}, ${splat(maximum)})`;
}
