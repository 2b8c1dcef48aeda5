import { describe, expect, it } from 'vitest';
import { type LayerTimer, type TunerOptions, tune } from '../../../engine/runtime/tuner.ts';

interface Call {
  readonly what: 'prepare' | 'compile' | 'first' | 'turn' | 'release';
  readonly key: string;
  readonly names?: readonly string[];
}

type Times = Readonly<Record<string, number | ((run: number) => number)>>;

/** Layers whose kernels take what the test says, on a clock that moves only while they run. */
class FakeTimer implements LayerTimer {
  readonly calls: Call[] = [];
  readonly #layers: Readonly<Record<string, Times>>;
  readonly #failing: readonly string[];
  readonly #runs = new Map<string, number>();
  milliseconds = 0;

  constructor(layers: Readonly<Record<string, Times>>, failing: readonly string[] = []) {
    this.#layers = layers;
    this.#failing = failing;
  }

  now = () => this.milliseconds;

  get contests() {
    return Object.entries(this.#layers).map(([key, times]) => ({ key, names: Object.keys(times) }));
  }

  prepare(key: string) {
    this.calls.push({ what: 'prepare', key });
    const run = (name: string) => {
      const time = this.#layers[key][name];
      const count = this.#runs.get(`${key} ${name}`) ?? 0;
      this.#runs.set(`${key} ${name}`, count + 1);
      const microseconds = typeof time === 'number' ? time : time(count);
      this.milliseconds += microseconds / 1000;
      return microseconds;
    };
    return {
      compile: async (name: string) => {
        this.calls.push({ what: 'compile', key, names: [name] });
        this.milliseconds += 1;
        return !this.#failing.includes(name);
      },
      first: async (name: string) => {
        this.calls.push({ what: 'first', key, names: [name] });
        return run(name);
      },
      turn: async (names: readonly string[]) => {
        this.calls.push({ what: 'turn', key, names });
        return names.map(run);
      },
      release: () => {
        this.calls.push({ what: 'release', key });
      },
    };
  }

  tune(options: Partial<TunerOptions> = {}) {
    return tune(this.contests, this, { budgetMs: 1e6, now: this.now, ...options });
  }

  turnsOf(name: string): number {
    return this.calls.filter(({ what, names }) => what === 'turn' && names?.includes(name)).length;
  }
}

describe('tune', () => {
  it('finds the fastest kernel of each layer, and tells the times of all', async () => {
    const timer = new FakeTimer({ a: { slow: 3000, fast: 1000, middling: 1900 }, b: { best: 100, worse: 5000 } });
    const results = await timer.tune();
    expect([...results]).toEqual([
      ['a', { winner: 'fast', microseconds: { slow: 3000, fast: 1000, middling: 1900 } }],
      ['b', { winner: 'best', microseconds: { best: 100, worse: 5000 } }],
    ]);
  });

  it('drops what is much slower after one run, and the slower half after each round', async () => {
    const layer = { slow: 1900, hopeless: 2100, fair: 1100, good: 1080, better: 1040, fastest: 1000 };
    const timer = new FakeTimer({ a: layer });
    const results = await timer.tune();
    expect(results.get('a')?.winner).toBe('fastest');
    const turns = Object.keys(layer).map((name) => timer.turnsOf(name));
    expect(turns).toEqual([2, 0, 2, 4, 6, 6]);
  });

  it('spends no second run where only one kernel is left', async () => {
    const timer = new FakeTimer({ a: { fast: 100, slow: 1000, slower: 2000 } });
    await timer.tune();
    expect(timer.calls.filter(({ what }) => what === 'first')).toHaveLength(3);
    expect(timer.calls.filter(({ what }) => what === 'turn')).toEqual([]);
  });

  it('gives another run to the kernel that would run anyway, however slow its first was', async () => {
    const disturbed = (run: number) => (run === 0 ? 9000 : 700);
    const timer = new FakeTimer({ a: { disturbed, steady: 1000, slow: 5000 } });
    expect((await timer.tune()).get('a')?.winner).toBe('disturbed');
    expect(timer.turnsOf('slow')).toBe(0);
  });

  it('takes more turns where times are not steady, but not for ever', async () => {
    const quiet = new FakeTimer({ a: { x: 1000, y: 1200 } });
    await quiet.tune();
    expect(quiet.turnsOf('x')).toBe(2);
    // Disturbed ever less.
    const busy = new FakeTimer({ a: { x: (run) => 9000 / (run + 1), y: 1000 } });
    expect((await busy.tune()).get('a')?.winner).toBe('y');
    expect(busy.turnsOf('x')).toBe(6);
  });

  it('takes turns there and back', async () => {
    const timer = new FakeTimer({ a: { x: 100, y: 110 } });
    await timer.tune();
    const turns = timer.calls.filter(({ what }) => what === 'turn').map(({ names }) => names?.join(''));
    expect(turns.slice(0, 2)).toEqual(['xy', 'yx']);
  });

  it('goes by the best of several runs: what disturbs a run makes it longer', async () => {
    const disturbed = (run: number) => (run === 0 ? 1500 : 800);
    const timer = new FakeTimer({ a: { steady: 1000, disturbed } });
    expect((await timer.tune()).get('a')).toEqual({
      winner: 'disturbed',
      microseconds: { steady: 1000, disturbed: 800 },
    });
  });

  it('keeps the kernel that would run anyway where others are hardly faster', async () => {
    const timer = new FakeTimer({ a: { untuned: 1040, other: 1000 }, b: { untuned: 1080, other: 1000 } });
    const results = await timer.tune();
    expect([...results.values()].map(({ winner }) => winner)).toEqual(['untuned', 'other']);
  });

  it('leaves out what does not compile, and notes it', async () => {
    const timer = new FakeTimer({ a: { broken: 1, fine: 100, slow: 900 } }, ['broken']);
    expect((await timer.tune()).get('a')).toEqual({
      winner: 'fine',
      microseconds: { fine: 100, slow: 900, broken: null },
    });
  });

  it('reports progress', async () => {
    const timer = new FakeTimer({ a: { x: 1, y: 9 }, b: { x: 9, y: 1 } });
    const reports: unknown[] = [];
    await timer.tune({ onProgress: (progress) => reports.push(progress) });
    expect(reports).toEqual([
      { done: 1, total: 2, layer: 'a', winner: 'x' },
      { done: 2, total: 2, layer: 'b', winner: 'y' },
    ]);
  });
});

describe('the budget', () => {
  const layer = { x: 10_000, y: 11_000 };

  it('covers everything: layers that are not reached are missing', async () => {
    const timer = new FakeTimer({ a: layer, b: layer, c: layer });
    // A kernel takes 1 ms to compile and, as these are so close, runs five times: 107 ms for a layer.
    const results = await timer.tune({ budgetMs: 110 });
    expect([...results.keys()]).toEqual(['a', 'b']);
    expect(results.get('b')).toEqual({ winner: 'x', microseconds: { x: 10_000 } });
    expect(timer.milliseconds).toBeLessThanOrEqual(110 + 10);
  });

  it('of nothing times nothing', async () => {
    const timer = new FakeTimer({ a: layer });
    expect([...(await timer.tune({ budgetMs: 0 }))]).toEqual([]);
    expect(timer.calls).toEqual([]);
  });

  it('does not wait for a compiler that takes longer', async () => {
    const results = await tune(
      [{ key: 'a', names: ['x', 'y'] }],
      compilingBy(() => new Promise(() => {})),
      { budgetMs: 20 },
    );
    expect(results.size).toBe(0);
  });

  it('may be endless', async () => {
    const timer = new FakeTimer({ a: { x: 1, y: 2 } });
    expect((await timer.tune({ budgetMs: Number.POSITIVE_INFINITY })).size).toBe(1);
  });
});

describe('a signal', () => {
  it('ends tuning with what is known', async () => {
    const controller = new AbortController();
    const timer = new FakeTimer({ a: { x: 1, y: 5 }, b: { x: 1, y: 5 } });
    const results = await timer.tune({ signal: controller.signal, onProgress: () => controller.abort() });
    expect([...results.keys()]).toEqual(['a']);
  });

  it('ends it while a layer is compiled', async () => {
    const controller = new AbortController();
    const timer = compilingBy(() => {
      queueMicrotask(() => controller.abort());
      return new Promise(() => {});
    });
    const contests = [{ key: 'a', names: ['x', 'y'] }];
    const results = await tune(contests, timer, { budgetMs: 1e6, signal: controller.signal });
    expect(results.size).toBe(0);
  });
});

describe('layers', () => {
  const layers = { a: { x: 1, y: 9 }, b: { x: 1, y: 9 }, c: { x: 1, y: 9 } };
  const orderOf = (timer: FakeTimer, ...whats: Call['what'][]) =>
    timer.calls.filter(({ what }) => whats.includes(what)).map(({ what, key }) => `${what} ${key}`);

  it('are prepared one ahead, and released when they are decided', async () => {
    const timer = new FakeTimer(layers);
    await timer.tune();
    const order = ['prepare a', 'prepare b', 'release a', 'prepare c', 'release b', 'release c'];
    expect(orderOf(timer, 'prepare', 'release')).toEqual(order);
  });

  it('are released though they are not timed any more', async () => {
    const timer = new FakeTimer({ a: { x: 10_000, y: 90_000 }, b: { x: 1, y: 9 } });
    expect((await timer.tune({ budgetMs: 50 })).size).toBe(1);
    expect(orderOf(timer, 'release')).toEqual(['release a', 'release b']);
  });

  it('do not hide that the device is gone', async () => {
    const timer = compilingBy(() => Promise.reject(new Error('the device was lost')));
    await expect(tune([{ key: 'a', names: ['x', 'y'] }], timer, { budgetMs: 1e6 })).rejects.toThrow('was lost');
  });
});

/** A timer that does nothing but compile. */
function compilingBy(compile: () => Promise<boolean>): LayerTimer {
  return { prepare: () => ({ compile, first: async () => 1, turn: async () => [], release: () => {} }) };
}
