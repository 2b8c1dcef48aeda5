import { broadcastShapes, broadcastStrides, elementCount, forEachRow } from '../indexing.ts';
import { requireInputs, requireKind } from '../rules.ts';
import type { OpDefinition } from '../tensor.ts';
import { ShapeError } from '../tensor.ts';

/** Batched matrix product: [..., M, K] x [..., K, N] -> [..., M, N], batch dimensions broadcast. Both of rank >= 2. */
export interface MatMul {
  readonly type: 'matMul';
}

export const matMul: OpDefinition<MatMul> = {
  type: 'matMul',

  infer(_op, inputs) {
    requireInputs('matMul', inputs, 2);
    const [a, b] = inputs;
    requireKind('matMul: a', a, 'float');
    requireKind('matMul: b', b, 'float');
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw new ShapeError(
        `matMul: both inputs must have 2 or more dimensions, they are [${a.shape}] and [${b.shape}]`,
      );
    }
    const [rows, depth] = a.shape.slice(-2);
    const [depthOfB, columns] = b.shape.slice(-2);
    if (depth !== depthOfB) {
      throw new ShapeError(`matMul: [${a.shape}] has ${depth} columns, which must equal the rows of [${b.shape}]`);
    }
    const batch = broadcastShapes('matMul', [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    return [{ kind: 'float', shape: [...batch, rows, columns] }];
  },

  cost(_op, [a], [output]) {
    return { flops: 2 * a.shape[a.shape.length - 1] * elementCount(output.shape) };
  },

  reference(op, inputs) {
    const [a, b] = inputs;
    const [{ shape }] = matMul.infer(op, inputs);
    const [rows, columns] = shape.slice(-2);
    const depth = a.shape[a.shape.length - 1];
    const data = new Float64Array(elementCount(shape));
    const batch = shape.slice(0, -2);
    // Strides of the batch dimensions in whole matrices.
    const strides = [a, b].map((input) => broadcastStrides(input.shape.slice(0, -2), batch));
    let write = 0;
    const multiply = (matrixA: number, matrixB: number) => {
      for (let row = 0; row < rows; row++, write += columns) {
        for (let k = 0; k < depth; k++) {
          const factor = a.data[(matrixA * rows + row) * depth + k];
          const read = (matrixB * depth + k) * columns;
          for (let column = 0; column < columns; column++) data[write + column] += factor * b.data[read + column];
        }
      }
    };
    forEachRow(batch, strides, (length, starts, steps) => {
      for (let i = 0; i < length; i++) multiply(starts[0] + i * steps[0], starts[1] + i * steps[1]);
    });
    return [{ kind: 'float', shape, data }];
  },
};
