import { Presets, SingleBar } from 'cli-progress';
import type { LoadProgress } from '../../node.ts';

/** Without a total the bar stays where it is. */
export type ReportProgress = (stage: string, done: number, total?: number) => void;

/** Does long work under a bar on the terminal, which is gone afterwards; nothing is drawn where nobody watches. */
export async function withProgress<T>(work: (report: ReportProgress) => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new SingleBar(
    { format: '{stage} {bar} {percentage}%', clearOnComplete: true, hideCursor: true, stream: process.stderr },
    Presets.shades_classic,
  );
  let started = false;
  try {
    return await work((stage, done, total) => {
      if (total === undefined) return;
      if (started) bar.setTotal(total);
      else bar.start(total, done, { stage });
      started = true;
      bar.update(done, { stage });
    });
  } finally {
    if (started) bar.stop();
  }
}

const STAGES: { readonly [Stage in LoadProgress['stage']]: string } = {
  read: 'reading',
  tune: 'tuning',
  compile: 'compiling',
};

/** How far a network's loading has come, for a bar. */
export function loadingReporter(report: ReportProgress): (progress: LoadProgress) => void {
  return ({ stage, done, total }) => report(STAGES[stage], done, total);
}

/** Loads a network under a bar. */
export function whileLoading<T>(load: (onProgress: (progress: LoadProgress) => void) => Promise<T>): Promise<T> {
  return withProgress((report) => load(loadingReporter(report)));
}
