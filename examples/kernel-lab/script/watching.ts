import { readFileSync, watchFile } from 'node:fs';
import { describeCheck, type LayerBench, type Roofline } from 'onelook/lab';
import { figure, percent, spread } from '../lab/figures.ts';
import { type Entry, medianOf, studyLayer } from '../lab/study.ts';
import { problemLine } from './tables.ts';

const POLL_MS = 100;

/** Checks and times the kernel of a file against the best built-in one whenever it is saved, until the process ends. */
export function watchKernel(file: string, bench: LayerBench, best: string, roofline: Roofline | undefined): void {
  let attempt = 0;
  let isRunning = false;
  let wasSaved = false;
  const run = async () => {
    wasSaved = true;
    if (isRunning) return;
    isRunning = true;
    while (wasSaved) {
      wasSaved = false;
      await tryKernel(++attempt, file, bench, best, roofline).catch((error: unknown) => {
        console.error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    isRunning = false;
  };
  console.log(`\nWatching ${file}; ${best} is the one to beat (end with Ctrl+C).`);
  watchFile(file, { interval: POLL_MS }, ({ mtimeMs }) => {
    if (mtimeMs > 0) run();
  });
}

async function tryKernel(
  attempt: number,
  file: string,
  bench: LayerBench,
  best: string,
  roofline: Roofline | undefined,
): Promise<void> {
  const candidates = bench.candidates.filter(({ name }) => name === best);
  const live = { name: file, text: readFileSync(file, 'utf8') };
  const entries = await studyLayer(bench, { candidates, live, roofline, rounds: 5 });
  const own = entries.find((entry) => entry.live);
  for (const problem of own?.problems ?? []) console.log(problemLine(problem, file));
  console.log(`${String(attempt).padStart(3)}  ${own ? attemptLine(own, entries) : ''}`);
}

function attemptLine(own: Entry, entries: readonly Entry[]): string {
  const { timing, point, check } = own;
  if (!timing || !point || !check) return 'does not compile';
  const other = entries.find(({ live }) => !live);
  const ratio = medianOf(other) / medianOf(own);
  return [
    `${figure(timing.medianMs)} ms ${spread(timing.medianMs, timing.quartilesMs)}`,
    `${figure(point.flopsPerSecond / 1e9)} GFLOP/s`,
    ...(point.share === undefined ? [] : [`${percent(point.share)} of the roofline`]),
    ...(other ? [`${figure(ratio)} x the speed of ${other.name}`] : []),
    describeCheck(check),
  ].join('  ');
}
