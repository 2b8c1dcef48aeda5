import { describe, expect, it } from 'vitest';
import { compare, quantile, summarize } from '../../../cli/benchmark/samples.ts';

describe('quantile', () => {
  it('interpolates between samples in any order', () => {
    expect(quantile([30, 10, 20], 0.5)).toBe(20);
    expect(quantile([40, 10, 20, 30], 0.5)).toBe(25);
    expect(quantile([0, 10], 0.9)).toBeCloseTo(9, 12);
    expect(quantile([7], 0.1)).toBe(7);
    expect([quantile([3, 1, 2], 0), quantile([3, 1, 2], 1)]).toEqual([1, 3]);
  });

  it('has none of no samples', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('summarize', () => {
  it('gives the median and what nine runs of ten do not exceed', () => {
    const samples = Array.from({ length: 11 }, (_, index) => 10 - index);
    expect(summarize(samples)).toEqual({ medianMs: 5, p90Ms: 9 });
  });
});

describe('compare', () => {
  it('divides medians, and pairs the turns for the spread', () => {
    // A disturbance that doubles both sides of a turn leaves its ratio alone.
    expect(compare([10, 20, 10], [50, 100, 50])).toEqual({ ratio: 5, ratioSpread: [5, 5] });
    const { ratio, ratioSpread } = compare([10, 10, 10], [20, 30, 40]);
    expect(ratio).toBe(3);
    expect(ratioSpread[0]).toBeCloseTo(2.2, 12);
    expect(ratioSpread[1]).toBeCloseTo(3.8, 12);
  });
});
