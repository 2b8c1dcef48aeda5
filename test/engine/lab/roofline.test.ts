import { describe, expect, it } from 'vitest';
import { ridgeIntensity, roofAt, rooflinePoint } from '../../../engine/lab/roofline.ts';

describe('the roofline', () => {
  const roofline = { flopsPerSecond: 1e12, bytesPerSecond: 1e11 };

  it('is where memory and arithmetic limit a kernel', () => {
    expect(ridgeIntensity(roofline)).toBe(10);
    expect(roofAt(1, roofline)).toBe(1e11);
    expect(roofAt(10, roofline)).toBe(1e12);
    expect(roofAt(100, roofline)).toBe(1e12);
  });

  it('has a point for a time', () => {
    const dense = rooflinePoint({ flops: 1e9, bytes: 1e7 }, 4, roofline);
    expect(dense).toEqual({
      intensity: 100,
      flopsPerSecond: 2.5e11,
      bytesPerSecond: 2.5e9,
      share: 0.25,
      bound: 'arithmetic',
    });
    const thin = rooflinePoint({ flops: 1e7, bytes: 1e7 }, 0.2, roofline);
    expect(thin.intensity).toBe(1);
    expect(thin.share).toBeCloseTo(0.5, 10);
    expect(thin.bound).toBe('memory');
  });

  it('has a point further left for a kernel that moves more than the layer', () => {
    const point = rooflinePoint({ flops: 1e9, bytes: 1e7 }, 4, roofline, 4e7);
    expect(point).toMatchObject({ intensity: 25, flopsPerSecond: 2.5e11, bytesPerSecond: 1e10, share: 0.25 });
  });

  it('has points without roofs where none could be measured', () => {
    expect(rooflinePoint({ flops: 100, bytes: 10 }, 1000, undefined)).toEqual({
      intensity: 10,
      flopsPerSecond: 100,
      bytesPerSecond: 10,
    });
  });
});
