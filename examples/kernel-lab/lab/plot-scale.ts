/** The arithmetic of a log-log plot of a roofline; nothing here draws. */
import { type Roofline, ridgeIntensity, roofAt } from 'onelook/lab';

export interface LogScale {
  readonly domain: readonly [number, number];
  /** From a value to a coordinate. */
  at(value: number): number;
}

export interface Tick {
  readonly value: number;
  readonly at: number;
  /** Whole powers of ten have labels. */
  readonly isDecade: boolean;
}

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** From a domain of positive values to coordinates; `to` may be smaller than `from`, as for heights. */
export function logScale(domain: readonly [number, number], from: number, to: number): LogScale {
  const [low, high] = domain.map(Math.log10);
  return { domain, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

/** 1, 2, ... 9 times each power of ten within the domain. */
export function logTicks({ domain: [low, high], at }: LogScale): Tick[] {
  const ticks: Tick[] = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
    for (let digit = 1; digit <= 9; digit++) {
      const value = digit * 10 ** exponent;
      if (value >= low * 0.9999 && value <= high * 1.0001) ticks.push({ value, at: at(value), isDecade: digit === 1 });
    }
  }
  return ticks;
}

export interface PlotPoint {
  readonly intensity: number;
  readonly flopsPerSecond: number;
}

export interface RooflineScales {
  readonly x: LogScale;
  readonly y: LogScale;
}

/** Scales in which the ridge and every point are well inside; at least two decades each way. */
export function plotScales(roofline: Roofline | undefined, points: readonly PlotPoint[], box: Box): RooflineScales {
  const ridge = roofline ? [{ intensity: ridgeIntensity(roofline), flopsPerSecond: roofline.flopsPerSecond }] : [];
  const all = [...ridge, ...points];
  return {
    x: logScale(domainOf(all.map(({ intensity }) => intensity)), box.left, box.right),
    y: logScale(domainOf(all.map(({ flopsPerSecond }) => flopsPerSecond)), box.bottom, box.top),
  };
}

/** Where the roof bends and where it leaves the plot, as coordinates: from left to right, no point outside of the scales. */
export function roofLine(roofline: Roofline, { x, y }: RooflineScales): [x: number, y: number][] {
  const start = Math.max(x.domain[0], y.domain[0] / roofline.bytesPerSecond);
  const intensities = [start, ridgeIntensity(roofline), x.domain[1]];
  return intensities.map((intensity) => [x.at(intensity), y.at(roofAt(intensity, roofline))]);
}

/** The values with room around them: from half of the smallest to twice the largest, to the next 1, 2 or 5. */
function domainOf(values: readonly number[]): [number, number] {
  if (values.length === 0) return [1, 100];
  let low = Math.min(...values) / 2;
  let high = Math.max(...values) * 2;
  const missing = 100 / (high / low);
  if (missing > 1) {
    low /= Math.sqrt(missing);
    high *= Math.sqrt(missing);
  }
  return [roundTo125(low, Math.floor), roundTo125(high, Math.ceil)];
}

function roundTo125(value: number, round: (position: number) => number): number {
  const steps = [1, 2, 5];
  const exponent = Math.floor(Math.log10(value));
  const positions = steps.map((step) => Math.log10(step));
  const fraction = Math.log10(value) - exponent;
  // The position on the scale 1, 2, 5, 10: whole where the value is one of them.
  const below = positions.filter((position) => position <= fraction + 1e-9).length - 1;
  const isExact = Math.abs(fraction - positions[below]) < 1e-9;
  const position = round(below + (isExact ? 0 : 0.5));
  return position === steps.length ? 10 ** (exponent + 1) : steps[position] * 10 ** exponent;
}
