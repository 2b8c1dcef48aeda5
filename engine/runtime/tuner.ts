import type { TunedLayer } from '../plan/tuning-table.ts';

/** A layer and the names of the kernels to choose from. */
export interface Contest {
  /** See `convolutionKey`. */
  readonly key: string;
  /** The one that would run anyway first: it sets the pace, and wins where others are hardly faster. */
  readonly names: readonly string[];
}

/** What runs kernels and looks at the clock. */
export interface LayerTimer {
  /** Where kernels may be compiled while others are timed, this begins with all of the layer's. */
  prepare(key: string): PreparedLayer;
}

/** A layer whose kernels are about to be compiled. */
export interface PreparedLayer {
  /** Waits for a kernel, which has to be timed afterwards. Whether it could be compiled. */
  compile(name: string): Promise<boolean>;
  /** Microseconds of a run. Where a part of it tells that it takes longer than `limit`, no more of it is run than that. */
  first(name: string, limit: number): Promise<number>;
  /** Microseconds of one more run each, in this order. */
  turn(names: readonly string[]): Promise<readonly number[]>;
  release(): void;
}

/** How far tuning has come. */
export interface TuningProgress {
  /** Layers decided so far, and in all. */
  readonly done: number;
  readonly total: number;
  /** The layer that was decided last. */
  readonly layer: string;
  readonly winner: string;
}

export interface TunerOptions {
  /** From the call on, compiling included; exceeded by one run at most. */
  readonly budgetMs: number;
  readonly signal?: AbortSignal;
  /** Milliseconds; default `performance.now`. */
  readonly now?: () => number;
  readonly onProgress?: (progress: TuningProgress) => void;
}

/** After its first run, a kernel that takes so many times the best is out: it is not for chance that it is slower. */
const FIRST_CUT = 2;

/** Then turn by turn. Their best times decide who stays: of those within the cut the faster half, but two at least. */
const ROUNDS = [
  { turns: 2, cut: 1.15 },
  { turns: 2, cut: 1.06 },
  { turns: 2, cut: 1 },
] as const;

/** Of a round, where times are not steady. */
const MOST_TURNS = 6;

/** Two runs that nothing disturbed are as close. */
const STEADY_SPREAD = 1.1;

/** Less than can be told from chance, and than another pipeline to compile is worth. */
const WORTHWHILE_GAIN = 1.05;

/**
 * Finds the fastest kernel of each layer, layer by layer in the order given. Ends early when time is up or the signal fires,
 * with what is known by then: layers that were not reached are missing, and one that was being timed has the times measured
 * so far, maybe not of all its kernels.
 */
export async function tune(
  contests: readonly Contest[],
  timer: LayerTimer,
  options: TunerOptions,
): Promise<ReadonlyMap<string, TunedLayer>> {
  const clock = new Deadline(options);
  const results = new Map<string, TunedLayer>();
  const prepare = (index: number) =>
    index < contests.length && !clock.isOver ? timer.prepare(contests[index].key) : undefined;
  let layer = prepare(0);
  let next: PreparedLayer | undefined;
  try {
    for (const [index, contest] of contests.entries()) {
      if (!layer) break;
      next = prepare(index + 1);
      const result = await decide(contest, layer, clock);
      if (!result) break;
      results.set(contest.key, result);
      const { winner } = result;
      options.onProgress?.({ done: index + 1, total: contests.length, layer: contest.key, winner });
      layer.release();
      layer = next;
      next = undefined;
    }
  } finally {
    layer?.release();
    next?.release();
  }
  return results;
}

/** Undefined where time was up before anything was measured. */
async function decide(contest: Contest, layer: PreparedLayer, clock: Deadline): Promise<TunedLayer | undefined> {
  const [untuned] = contest.names;
  const runs = new Runs();
  const failed: string[] = [];
  for (const name of contest.names) {
    const compiled = await clock.race(() => layer.compile(name));
    if (compiled === null) break;
    if (compiled) runs.add(name, await layer.first(name, FIRST_CUT * runs.best));
    else failed.push(name);
  }
  const timed = runs.names;
  if (timed.length === 0) return undefined;
  let racing = runs.within(FIRST_CUT, timed);
  // What would run anyway doesn't lose its place by one run, which something else may have disturbed.
  if (timed.includes(untuned) && !racing.includes(untuned)) racing.push(untuned);
  for (const { turns, cut } of ROUNDS) {
    if (racing.length < 2) break;
    const goesOn = (turn: number) =>
      turn < turns || (turn < MOST_TURNS && !racing.every((name) => runs.isSteady(name)));
    for (let turn = 0; goesOn(turn) && !clock.isOver; turn++) {
      // There and back, so that what drifts meets all alike.
      const order = turn % 2 === 0 ? racing : racing.toReversed();
      const times = await layer.turn(order);
      order.forEach((name, index) => {
        runs.add(name, times[index]);
      });
    }
    racing = runs.within(cut, racing).slice(0, Math.max(2, Math.ceil(racing.length / 2)));
  }
  const [fastest] = runs.within(1, timed);
  const winner = runs.timeOf(untuned) <= runs.best * WORTHWHILE_GAIN ? untuned : fastest;
  const times = timed.map((name) => [name, runs.timeOf(name)] as const);
  const missing = failed.map((name) => [name, null] as const);
  return { winner, microseconds: Object.fromEntries([...times, ...missing]) };
}

/** What the runs of a layer's kernels took, by the kernel's name. */
class Runs {
  /** Ascending. */
  readonly #times = new Map<string, number[]>();

  add(name: string, time: number): void {
    this.#times.set(
      name,
      [...(this.#times.get(name) ?? []), time].sort((a, b) => a - b),
    );
  }

  get names(): string[] {
    return [...this.#times.keys()];
  }

  /** The best run of a kernel, for what disturbs a run makes it longer. */
  timeOf(name: string): number {
    return this.#times.get(name)?.[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The best run of all. */
  get best(): number {
    return Math.min(...this.names.map((name) => this.timeOf(name)));
  }

  /** Whether a kernel's best time was no stroke of luck in a machine that is busy with something else. */
  isSteady(name: string): boolean {
    const [best, second] = this.#times.get(name) ?? [];
    return second <= best * STEADY_SPREAD;
  }

  /** Those of the kernels whose time is within a factor of the best of them, the fastest first. */
  within(factor: number, names: readonly string[]): string[] {
    const sorted = [...names].sort((a, b) => this.timeOf(a) - this.timeOf(b));
    return sorted.filter((name) => this.timeOf(name) <= this.timeOf(sorted[0]) * factor);
  }
}

/** The end of the time that there is. */
class Deadline {
  readonly #now: () => number;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;

  constructor({ budgetMs, signal, now = () => performance.now() }: TunerOptions) {
    this.#now = now;
    this.#end = now() + budgetMs;
    this.#signal = signal;
  }

  get isOver(): boolean {
    return this.#signal?.aborted === true || this.#now() >= this.#end;
  }

  /** What work brings, or null when time is up before it is done: then it goes on unseen. */
  async race<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.isOver) return null;
    let stop = () => {};
    const over = new Promise<null>((resolve) => {
      const end = () => resolve(null);
      const timeout = setTimeout(end, Math.min(this.#end - this.#now(), LONGEST_TIMEOUT));
      this.#signal?.addEventListener('abort', end, { once: true });
      stop = () => {
        clearTimeout(timeout);
        this.#signal?.removeEventListener('abort', end);
      };
    });
    try {
      return await Promise.race([work(), over]);
    } finally {
      stop();
    }
  }
}

/** What timers can count to. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
