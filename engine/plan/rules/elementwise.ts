import { elementwise } from '../../../shaders/elementwise.ts';
import type { Expression } from '../../../shaders/expression.ts';
import { sameShape } from '../../graph/indexing.ts';
import type { Binary } from '../../graph/ops/binary.ts';
import type { Cast } from '../../graph/ops/cast.ts';
import type { Select } from '../../graph/ops/select.ts';
import type { Unary } from '../../graph/ops/unary.ts';
import { definitionOf } from '../../graph/registry.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Lowering, PendingExpression } from '../lowering.ts';
import { broadcastView } from '../views.ts';

export type ElementwiseOp = Unary | Binary | Select | Cast;

/** Storage bindings that a kernel may have on every device, less the output. */
const MOST_LEAVES = 7;

export function isElementwise(node: Node): node is Node<ElementwiseOp> {
  const { type } = node.op;
  return type === 'unary' || type === 'binary' || type === 'select' || type === 'cast';
}

/**
 * An elementwise node whose only reader is an elementwise node of the same shape is left to that reader; any other is
 * computed here, together with everything that was left to it.
 */
export function lowerElementwise(lowering: Lowering, node: Node<ElementwiseOp>): void {
  const [output] = node.outputs;
  const pending = expressionOf(lowering, node);
  const reader = lowering.onlyReader(output);
  if (
    lowering.switches['fuse-elementwise'] &&
    reader &&
    isElementwise(reader) &&
    sameShape(reader.outputs[0].shape, output.shape) &&
    !lowering.reserved.has(output)
  ) {
    lowering.pending.set(output, pending);
  } else {
    compute(lowering, output, pending);
  }
}

function compute(lowering: Lowering, output: Value, { node, expression, leaves, flops }: PendingExpression): void {
  const to = lowering.output(output);
  const tensors = leaves.map((leaf) => lowering.tensor(leaf));
  const kernel = elementwise({
    inputs: tensors.map(({ view }) => broadcastView(view, output.shape)),
    output: to.view,
    expression,
    padTo4: lowering.padAxis(to),
  });
  lowering.emit(kernel, [...tensors, to], node, flops);
}

function expressionOf(lowering: Lowering, node: Node<ElementwiseOp>): PendingExpression {
  const leaves: Value[] = [];
  let flops = definitionOf(node.op).cost(node.op, node.inputs, node.outputs).flops;
  const operandOf = (input: Value): Expression => {
    const pending = lowering.pending.get(input);
    // A pending operand brings its own leaves; where they would be too many it becomes a tensor first.
    if (pending && new Set([...leaves, ...pending.leaves]).size <= MOST_LEAVES - (node.inputs.length - 1)) {
      flops += pending.flops;
      const numbers = pending.leaves.map((leaf) => leafNumber(leaves, leaf));
      return renumber(pending.expression, numbers);
    }
    if (pending) compute(lowering, input, pending);
    if (input.constant && input.constant.length === 1) {
      return { type: 'constant', kind: input.kind, value: input.constant[0] };
    }
    return { type: 'input', input: leafNumber(leaves, input) };
  };
  const operands = new Map<Value, Expression>();
  for (const input of node.inputs) if (!operands.has(input)) operands.set(input, operandOf(input));
  return {
    node,
    expression: combine(
      node.op,
      node.inputs.map((input) => operands.get(input) as Expression),
    ),
    leaves,
    flops,
  };
}

function leafNumber(leaves: Value[], leaf: Value): number {
  const known = leaves.indexOf(leaf);
  return known >= 0 ? known : leaves.push(leaf) - 1;
}

function combine(op: ElementwiseOp, [first, second, third]: readonly Expression[]): Expression {
  switch (op.type) {
    case 'unary':
      return { type: 'unary', function: op.function, operand: first };
    case 'cast':
      return { type: 'cast', to: op.to, operand: first };
    case 'binary':
      return { type: 'binary', function: op.function, left: first, right: second };
    case 'select':
      return { type: 'select', condition: first, whenTrue: second, whenFalse: third };
  }
}

/** The expression with input i renamed to numbers[i]. What is reached twice stays one object: it is computed once. */
function renumber(
  expression: Expression,
  numbers: readonly number[],
  known = new Map<Expression, Expression>(),
): Expression {
  const again = (part: Expression) => renumber(part, numbers, known);
  const renamed = known.get(expression) ?? rename(expression, numbers, again);
  known.set(expression, renamed);
  return renamed;
}

function rename(
  expression: Expression,
  numbers: readonly number[],
  again: (part: Expression) => Expression,
): Expression {
  switch (expression.type) {
    case 'input':
      return { type: 'input', input: numbers[expression.input] };
    case 'constant':
      return expression;
    case 'unary':
    case 'cast':
      return { ...expression, operand: again(expression.operand) };
    case 'binary':
      return { ...expression, left: again(expression.left), right: again(expression.right) };
    case 'select':
      return {
        ...expression,
        condition: again(expression.condition),
        whenTrue: again(expression.whenTrue),
        whenFalse: again(expression.whenFalse),
      };
  }
}
