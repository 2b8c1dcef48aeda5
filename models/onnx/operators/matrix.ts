import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import type { NodeReader, OperatorTable } from '../node-reader.ts';

export const matrix: OperatorTable = {
  MatMul: (node) => [multiplyMatrices(node, node.input(0), node.input(1))],
  Gemm: general,
};

/** NumPy's matmul: a vector on the left is a row, on the right a column, and its dimension goes from the result. */
export function multiplyMatrices(node: NodeReader, a: Value, b: Value, label?: string): Value {
  if (a.shape.length === 0 || b.shape.length === 0) throw new ShapeError('a scalar is no matrix');
  if (a.shape.length > 1 && b.shape.length > 1) return node.apply({ type: 'matMul' }, [a, b], label);
  const left = a.shape.length > 1 ? a : node.reshape(a, [1, a.shape[0]], 'row');
  const right = b.shape.length > 1 ? b : node.reshape(b, [b.shape[0], 1], 'column');
  const product = node.apply({ type: 'matMul' }, [left, right], 'product');
  const batch = product.shape.slice(0, -2);
  const rows = a.shape.length > 1 ? product.shape.slice(-2, -1) : [];
  const columns = b.shape.length > 1 ? product.shape.slice(-1) : [];
  return node.reshape(product, [...batch, ...rows, ...columns], label);
}

/** alpha * A * B + beta * C, either matrix transposed. */
function general(node: NodeReader): Value[] {
  const transposed = (index: number, flag: string) => {
    const value = node.input(index);
    if (value.shape.length !== 2) throw new ShapeError(`input ${index} is [${value.shape}], it must be a matrix`);
    return node.int(flag, 0) === 0 ? value : node.transpose(value, [1, 0], flag);
  };
  const scaled = (value: Value, name: 'alpha' | 'beta', label: string | undefined) => {
    const factor = node.float(name, 1);
    return factor === 1 ? value : node.binary('multiply', value, node.floats(name, [], [factor]), label);
  };
  const addend = node.optional(2);
  const [a, b] = [transposed(0, 'transA'), transposed(1, 'transB')];
  const alone = !addend && node.float('alpha', 1) === 1;
  const product = node.apply({ type: 'matMul' }, [a, b], alone ? undefined : 'product');
  const left = scaled(product, 'alpha', addend ? 'scaled' : undefined);
  return [addend ? node.binary('add', left, scaled(addend, 'beta', 'addend')) : left];
}
