/** Milliseconds between nudges; after a few of them browsers make it 4. */
const INTERVAL = 1;

const NOTHING: readonly GPUCommandBuffer[] = [];

/**
 * Waits for what the GPU has to finish first, such as `mapAsync`. Firefox looks whether it has only every 100 ms (bug
 * 1870699), and whenever something is submitted: so there, and nowhere else, nothing is submitted until it has.
 */
export function nudged<T>(
  queue: GPUQueue,
  pending: Promise<T>,
  userAgent: string = globalThis.navigator?.userAgent ?? '',
): Promise<T> {
  if (!/\bFirefox\//.test(userAgent)) return pending;
  const timer = setInterval(() => queue.submit(NOTHING), INTERVAL);
  return pending.finally(() => clearInterval(timer));
}
