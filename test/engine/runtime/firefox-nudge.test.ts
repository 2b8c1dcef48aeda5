import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nudged } from '../../../engine/runtime/firefox-nudge.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0';
const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

function countingQueue(): { queue: GPUQueue; submissions: readonly GPUCommandBuffer[][] } {
  const submissions: GPUCommandBuffer[][] = [];
  const submit = (commands: Iterable<GPUCommandBuffer>) => void submissions.push([...commands]);
  return { queue: { submit } as unknown as GPUQueue, submissions };
}

describe('nudged', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('submits nothing, again and again, until Firefox has noticed', async () => {
    const { queue, submissions } = countingQueue();
    let finish = (_: string) => {};
    const waiting = nudged(queue, new Promise<string>((resolve) => (finish = resolve)), FIREFOX);
    await vi.advanceTimersByTimeAsync(20);
    expect(submissions.length).toBeGreaterThan(2);
    expect(submissions.flat()).toEqual([]);
    finish('mapped');
    expect(await waiting).toBe('mapped');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stops where the wait fails', async () => {
    const { queue } = countingQueue();
    await expect(nudged(queue, Promise.reject(new Error('lost')), FIREFOX)).rejects.toThrow('lost');
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['', CHROME, 'Node.js/22'])('leaves other browsers alone: %s', async (userAgent) => {
    const { queue, submissions } = countingQueue();
    const pending = Promise.resolve('mapped');
    expect(nudged(queue, pending, userAgent)).toBe(pending);
    await vi.advanceTimersByTimeAsync(20);
    expect(submissions).toEqual([]);
  });
});
