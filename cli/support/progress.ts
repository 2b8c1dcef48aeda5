import { Presets, SingleBar } from 'cli-progress';

/** A bar on the terminal while something long runs; nothing where nobody watches. */
export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

export function startProgress(what: string, quiet = false): Progress {
  if (quiet || !process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    { format: `${what} {bar} {percentage}%`, clearOnComplete: true, hideCursor: true, stream: process.stderr },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, done);
      else bar.setTotal(total);
      started = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
