import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TASKS = '/proc/self/task';

/**
 * Milliseconds that the other threads of this process have run so far, on all cores together: what a software adapter's
 * work took, whatever else the processor did meanwhile. The script's own thread is left out, since it polls while it waits.
 * Undefined where the system doesn't tell (Linux does).
 */
export const busyThreadsMs: (() => number) | undefined = existsSync(TASKS) ? readBusyMs : undefined;

function readBusyMs(): number {
  const nanoseconds = readdirSync(TASKS)
    .filter((thread) => Number(thread) !== process.pid)
    .map((thread) => `${TASKS}/${thread}/schedstat`)
    // A thread may end while they are listed.
    .filter((file) => existsSync(file))
    .map((file) => Number(readFileSync(file, 'utf8').split(' ')[0]));
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}
