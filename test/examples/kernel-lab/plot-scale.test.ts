import { describe, expect, it } from 'vitest';
import { logScale, logTicks, plotScales, roofLine } from '../../../examples/kernel-lab/lab/plot-scale.ts';

const BOX = { left: 50, right: 450, top: 10, bottom: 310 };
const roofline = { flopsPerSecond: 1e12, bytesPerSecond: 1e11 };

describe('logarithmic scales', () => {
  it('put equal ratios at equal distances', () => {
    const scale = logScale([1, 1000], 0, 300);
    expect([1, 10, 100, 1000].map((value) => Math.round(scale.at(value)))).toEqual([0, 100, 200, 300]);
  });

  it('go upwards where the end is smaller', () => {
    const scale = logScale([1e9, 1e11], 310, 10);
    expect(scale.at(1e10)).toBeCloseTo(160, 6);
  });

  it('have ticks at 1 to 9 times each power of ten, within the domain', () => {
    const ticks = logTicks(logScale([0.5, 20], 0, 100));
    expect(ticks.map(({ value }) => Number(value.toPrecision(3)))).toEqual([
      0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20,
    ]);
    expect(ticks.filter(({ isDecade }) => isDecade).map(({ value }) => value)).toEqual([1, 10]);
  });
});

describe('the scales of a roofline plot', () => {
  it('have the ridge and every point inside, with room around them', () => {
    const points = [
      { intensity: 0.7, flopsPerSecond: 3e9 },
      { intensity: 900, flopsPerSecond: 2.2e12 },
    ];
    const { x, y } = plotScales(roofline, points, BOX);
    expect(x.domain).toEqual([0.2, 2000]);
    expect(y.domain.map((value) => Number(value.toPrecision(3)))).toEqual([1e9, 5e12]);
    for (const { intensity, flopsPerSecond } of [...points, { intensity: 10, flopsPerSecond: 1e12 }]) {
      expect(x.at(intensity)).toBeGreaterThan(BOX.left);
      expect(x.at(intensity)).toBeLessThan(BOX.right);
      expect(y.at(flopsPerSecond)).toBeGreaterThan(BOX.top);
      expect(y.at(flopsPerSecond)).toBeLessThan(BOX.bottom);
    }
  });

  it('span two decades at least, with one point, without roofs, and with nothing', () => {
    for (const [roofs, points] of [
      [roofline, []],
      [undefined, [{ intensity: 3, flopsPerSecond: 4e9 }]],
      [undefined, []],
    ] as const) {
      const { x, y } = plotScales(roofs, points, BOX);
      for (const { domain } of [x, y]) expect(domain[1] / domain[0]).toBeGreaterThanOrEqual(99.9);
    }
  });
});

describe('the line of the roofs', () => {
  it('rises to the ridge and is level from there', () => {
    const scales = plotScales(roofline, [], BOX);
    const [start, ridge, end] = roofLine(roofline, scales);
    expect(ridge).toEqual([scales.x.at(10), scales.y.at(1e12)]);
    expect(end).toEqual([BOX.right, scales.y.at(1e12)]);
    expect(start[0]).toBeLessThan(ridge[0]);
    expect(start[1]).toBeGreaterThan(ridge[1]);
    // A slope of one: equal parts of a decade both ways.
    const decades = (ridge[0] - start[0]) / (scales.x.at(10) - scales.x.at(1));
    expect((start[1] - ridge[1]) / (scales.y.at(1) - scales.y.at(10))).toBeCloseTo(decades, 6);
  });

  it('begins where it enters the plot from below', () => {
    const scales = plotScales(roofline, [{ intensity: 0.01, flopsPerSecond: 1e11 }], BOX);
    const [[x, y]] = roofLine(roofline, scales);
    expect(y).toBeCloseTo(BOX.bottom, 6);
    expect(x).toBeGreaterThan(BOX.left);
  });
});
