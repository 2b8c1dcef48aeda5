/** Milliseconds. */
export interface Times {
  readonly medianMs: number;
  readonly p90Ms: number;
}

export function summarize(samples: readonly number[]): Times {
  return { medianMs: quantile(samples, 0.5), p90Ms: quantile(samples, 0.9) };
}

/** The value that `share` (0..1) of the samples don't exceed; between two samples in proportion. */
export function quantile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new RangeError('no samples have no quantile');
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

/** How two contenders that took turns compare. */
export interface Comparison {
  /** The second's median over the first's. */
  readonly ratio: number;
  /** The ratios within the turns: a tenth of the turns are below the first number, a tenth above the second. */
  readonly ratioSpread: readonly [low: number, high: number];
}

/** @param ours one sample of each turn, as `theirs` */
export function compare(ours: readonly number[], theirs: readonly number[]): Comparison {
  const ratios = ours.map((time, turn) => theirs[turn] / time);
  return {
    ratio: quantile(theirs, 0.5) / quantile(ours, 0.5),
    ratioSpread: [quantile(ratios, 0.1), quantile(ratios, 0.9)],
  };
}
