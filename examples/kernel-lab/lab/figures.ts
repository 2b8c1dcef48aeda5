/** Figures as people read them: three digits that count. */

export function figure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(6, digits));
}

const PREFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** With a decimal prefix: 12.3 G. */
export function withPrefix(value: number, unit: string): string {
  const [scale, prefix] = PREFIXES.find(([size]) => value >= size) ?? [1, ''];
  return `${figure(value / scale)} ${prefix}${unit}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** Half of what lies between the quartiles, as a part of the median. */
export function spread(medianMs: number, [first, third]: readonly [number, number]): string {
  return `±${percent((third - first) / 2 / medianMs)}`;
}
