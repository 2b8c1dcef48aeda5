import { AbortError } from './errors.ts';

/** The promise's outcome, or `AbortError` as soon as the signal fires; what was begun runs to its end unseen. */
export async function settledBy<T>(signal: AbortSignal | undefined, what: string, promise: Promise<T>): Promise<T> {
  if (!signal) return promise;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new AbortError(`${what} was cancelled`, { cause: signal.reason }));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
