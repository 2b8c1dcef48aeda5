import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../../engine/graph/registry.ts';
import { labLayer, operatorOf } from '../../../engine/lab/layer.ts';
import { parseLayer } from '../../../engine/lab/layer-text.ts';
import { createProblem, errorBound } from '../../../engine/lab/reference.ts';

describe('what a layer must give', () => {
  it('is the same in steps as at once', async () => {
    // Enough work for several steps.
    const layer = labLayer(parseLayer('64x32x32 -> 96 k3 b2 add(0.5) silu'));
    const steps: number[] = [];
    const problem = await createProblem(layer, { seed: 7, onProgress: (done) => steps.push(done) });
    expect(steps.length).toBeGreaterThan(2);
    const op = operatorOf(layer);
    const [whole] = definitionOf(op).reference(op, problem.tensors);
    expect(problem.expected.every((value, i) => value === whole.data[i])).toBe(true);
    expect(problem.bounds.length).toBe(problem.expected.length);
  });

  it('follows from the seed', async () => {
    const layer = labLayer(parseLayer('4x3x3 -> 4'));
    const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => createProblem(layer, { seed })));
    expect(a.expected).toEqual(b.expected);
    expect(a.expected).not.toEqual(c.expected);
  });

  it('can be cancelled', async () => {
    const layer = labLayer(parseLayer('4x3x3 -> 4'));
    await expect(createProblem(layer, { signal: AbortSignal.abort() })).rejects.toThrow('was cancelled');
  });
});

describe('the bound of an error', () => {
  const sum = { terms: 100, magnitude: 50, value: 3, epilogue: [], stored: 'f32' } as const;

  it('grows with the number of terms and their magnitudes', () => {
    expect(errorBound(sum)).toBeCloseTo(108 * 2 ** -23 * 51, 6);
    expect(errorBound({ ...sum, terms: 1000 })).toBeGreaterThan(9 * errorBound(sum));
    expect(errorBound({ ...sum, stored: 'f16' }) - errorBound(sum)).toBeCloseTo(3 * 2 ** -11, 4);
  });

  it('passes through the epilogue', () => {
    const passed = (...epilogue: Parameters<typeof errorBound>[0]['epilogue']) => errorBound({ ...sum, epilogue });
    expect(passed({ name: 'silu' })).toBeCloseTo(2 * errorBound(sum), 6);
    expect(passed({ name: 'leakyRelu', alpha: 5 })).toBeCloseTo(5 * errorBound(sum), 5);
    const quantize = { name: 'quantize', scale: 0.5, zeroPoint: 0, minimum: 0, maximum: 255 } as const;
    // It may round to the integer beside the expected one.
    expect(passed(quantize, { name: 'dequantize', scale: 0.5, zeroPoint: 0 })).toBeCloseTo(0.5 + errorBound(sum), 6);
  });
});
