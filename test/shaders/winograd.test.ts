import { describe, expect, it } from 'vitest';
import { transformFilter, winogradMatrices } from '../../shaders/winograd.ts';
import { randomFloats } from '../support/random.ts';

type Matrix = readonly (readonly number[])[];

function product(a: Matrix, b: Matrix): number[][] {
  return a.map((row) => b[0].map((_, column) => row.reduce((sum, value, k) => sum + value * b[k][column], 0)));
}

function transpose(a: Matrix): number[][] {
  return a[0].map((_, column) => a.map((row) => row[column]));
}

function square(data: ArrayLike<number>, size: number): number[][] {
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => data[row * size + column]),
  );
}

describe.each([2, 4] as const)('F(%i x %i, 3 x 3)', (outputTile) => {
  const matrices = winogradMatrices(outputTile);
  const size = matrices.inputTile;
  const input = square(randomFloats(1, size * size), size);
  const weights = randomFloats(2, 9);
  const filter = new Float64Array(size * size);
  transformFilter(matrices, weights, 0, filter);

  it('filters a tile', () => {
    const transformed = product(product(matrices.input, input), transpose(matrices.input));
    const multiplied = transformed.map((row, i) => row.map((value, j) => value * filter[i * size + j]));
    const found = product(product(matrices.output, multiplied), transpose(matrices.output));
    for (let row = 0; row < outputTile; row++) {
      for (let column = 0; column < outputTile; column++) {
        let expected = 0;
        for (let tap = 0; tap < 9; tap++) {
          expected += weights[tap] * input[row + Math.floor(tap / 3)][column + (tap % 3)];
        }
        expect(found[row][column]).toBeCloseTo(expected, 12);
      }
    }
  });

  it('transforms filters as G g G^T', () => {
    const expected = product(product(matrices.filter, square(weights, 3)), transpose(matrices.filter));
    for (const [index, value] of expected.flat().entries()) expect(filter[index]).toBeCloseTo(value, 12);
  });

  it('has small numbers', () => {
    for (const matrix of [matrices.input, matrices.filter, matrices.output]) {
      for (const value of matrix.flat()) expect(Math.abs(value)).toBeLessThanOrEqual(2 * Math.SQRT2 + 1e-12);
    }
  });
});
