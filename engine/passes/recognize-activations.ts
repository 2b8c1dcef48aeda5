import type { PlainUnaryName, UnaryFunction } from '../graph/ops/unary.ts';
import type { Rewriter } from '../graph/rewrite.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/types.ts';
import { isNearly, uniformValue } from './constants.ts';
import { type Pass, Tally } from './pass.ts';

/** Exporters spell activations out, with operands in either order and constants at either end. */
export const recognizeActivations: Pass = {
  name: 'recognize-activations',
  description: 'Turns activations that are spelled out (x * sigmoid(x), clip(x, 0, inf) ...) into one function each.',
  required: false,
  run(graph) {
    const tally = new Tally();
    const rewritten = rewrite(graph, (node, rewriter) => {
      const match = matchRelu(node) ?? matchGate(node, rewriter);
      if (!match) return undefined;
      tally.add(`${match.formula} became ${match.name}`);
      const op = { type: 'unary', function: { name: match.name } } as const;
      return rewriter.emit(op, [match.x], node.name, [node.outputs[0].name]);
    });
    return { graph: rewritten, notes: tally.notes };
  },
};

interface Match {
  readonly x: Value;
  readonly name: PlainUnaryName;
  readonly formula: string;
}

/** The largest float32: some exporters write it for infinity. */
const UNBOUNDED = 3.4e38;

function matchRelu(node: Node): Match | undefined {
  const { op, inputs } = node;
  if (op.type === 'unary' && op.function.name === 'clip') {
    const { minimum, maximum } = op.function;
    if (minimum === 0 && maximum >= UNBOUNDED) return { x: inputs[0], name: 'relu', formula: 'clip(x, 0, inf)' };
  }
  if (op.type === 'binary' && op.function === 'maximum') {
    const x = inputs.find((input) => !input.constant);
    const zero = inputs.find((input) => uniformValue(input) === 0);
    if (x && zero && x.shape.length >= zero.shape.length) return { x, name: 'relu', formula: 'max(x, 0)' };
  }
  return undefined;
}

/** A function f(x) that, multiplied by x and a number, is an activation. */
interface Gate {
  readonly name: PlainUnaryName;
  readonly formula: string;
  readonly factor: number;
  /** The x of f(x), if a value is one. */
  argument(value: Value, rewriter: Rewriter): Value | undefined;
}

const gates: readonly Gate[] = [
  {
    name: 'silu',
    formula: 'x * sigmoid(x)',
    factor: 1,
    argument: (value, rewriter) => argumentOf(value, rewriter, (fn) => fn.name === 'sigmoid'),
  },
  {
    name: 'mish',
    formula: 'x * tanh(softplus(x))',
    factor: 1,
    argument(value, rewriter) {
      const inner = argumentOf(value, rewriter, (fn) => fn.name === 'tanh');
      return inner && argumentOf(inner, rewriter, (fn) => fn.name === 'softplus');
    },
  },
  {
    name: 'hardSwish',
    formula: 'x * hardSigmoid(x)',
    factor: 1,
    argument: (value, rewriter) =>
      argumentOf(
        value,
        rewriter,
        (fn) => fn.name === 'hardSigmoid' && isNearly(fn.alpha, 1 / 6) && isNearly(fn.beta, 0.5),
      ),
  },
  {
    name: 'hardSwish',
    formula: 'x * clip(x + 3, 0, 6) / 6',
    factor: 1 / 6,
    argument(value, rewriter) {
      const shifted = argumentOf(value, rewriter, (fn) => fn.name === 'clip' && fn.minimum === 0 && fn.maximum === 6);
      return shifted && addend(shifted, 3, rewriter);
    },
  },
  {
    name: 'gelu',
    formula: 'x * (1 + erf(x / sqrt(2))) / 2',
    factor: 1 / 2,
    argument(value, rewriter) {
      const error = addend(value, 1, rewriter);
      const scaled = error && argumentOf(error, rewriter, (fn) => fn.name === 'erf');
      if (!scaled) return undefined;
      const { base, factor } = withoutFactors(scaled, rewriter);
      return isNearly(factor, Math.SQRT1_2) ? base : undefined;
    },
  },
];

/** x * f(x) * factor, in any order. */
function matchGate(node: Node, rewriter: Rewriter): Match | undefined {
  const product = productOf(node, rewriter);
  if (!product) return undefined;
  const [left, right] = product.operands.map((operand) => withoutFactors(operand, rewriter));
  const factor = product.factor * left.factor * right.factor;
  for (const [one, other] of [
    [left.base, right.base],
    [right.base, left.base],
  ]) {
    for (const gate of gates) {
      if (isNearly(factor, gate.factor) && gate.argument(other, rewriter) === one) return { ...gate, x: one };
    }
  }
  return undefined;
}

/** A product of two tensors and numbers, where `node` is the outermost multiplication or division. */
function productOf(node: Node, rewriter: Rewriter): { operands: readonly Value[]; factor: number } | undefined {
  const scaled = scaledBy(node);
  if (!scaled) {
    const isProduct = node.op.type === 'binary' && node.op.function === 'multiply';
    return isProduct && !node.inputs.some((input) => input.constant) ? { operands: node.inputs, factor: 1 } : undefined;
  }
  const { base, factor } = withoutFactors(scaled.x, rewriter);
  const inner = rewriter.usesOf(base) === 1 ? rewriter.producerOf(base) : undefined;
  const product = inner && !scaledBy(inner) ? productOf(inner, rewriter) : undefined;
  return product && { operands: product.operands, factor: scaled.factor * factor };
}

/** A value as a number times another, through multiplications and divisions that nothing else reads. */
function withoutFactors(value: Value, { producerOf, usesOf }: Rewriter): { base: Value; factor: number } {
  let base = value;
  let factor = 1;
  for (;;) {
    const node = usesOf(base) === 1 ? producerOf(base) : undefined;
    const scaled = node && scaledBy(node);
    if (!scaled) return { base, factor };
    base = scaled.x;
    factor *= scaled.factor;
  }
}

/** x * number, number * x or x / number. */
function scaledBy({ op, inputs, outputs }: Node): { x: Value; factor: number } | undefined {
  if (op.type !== 'binary' || outputs[0].kind !== 'float') return undefined;
  const [a, b] = inputs;
  const [first, second] = [uniformValue(a), uniformValue(b)];
  const keepsShape = (x: Value) => x.shape.length === outputs[0].shape.length;
  if (op.function === 'divide' && second !== undefined && keepsShape(a)) return { x: a, factor: 1 / second };
  if (op.function !== 'multiply') return undefined;
  if (second !== undefined && keepsShape(a)) return { x: a, factor: second };
  if (first !== undefined && keepsShape(b)) return { x: b, factor: first };
  return undefined;
}

/** x, if the value is fn(x) of such a function. */
function argumentOf(value: Value, { producerOf }: Rewriter, is: (fn: UnaryFunction) => boolean): Value | undefined {
  const node = producerOf(value);
  return node?.op.type === 'unary' && is(node.op.function) ? node.inputs[0] : undefined;
}

/** x, if the value is x + number or number + x. */
function addend(value: Value, number: number, { producerOf }: Rewriter): Value | undefined {
  const node = producerOf(value);
  if (node?.op.type !== 'binary' || node.op.function !== 'add') return undefined;
  const [a, b] = node.inputs;
  if (isNearly(uniformValue(b), number)) return a;
  return isNearly(uniformValue(a), number) ? b : undefined;
}
