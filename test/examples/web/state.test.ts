import { expect, it } from 'vitest';
import { Latch } from '../../../examples/web/page/latch.ts';
import { Store } from '../../../examples/web/page/state.ts';

it('the store tells those who watch a part when that part changes', () => {
  const store = new Store();
  const seen: (string | undefined)[] = [];
  store.watch(['error', 'scoreThreshold'], ({ error }) => seen.push(error));
  store.update({ error: 'one' });
  store.update({ error: 'one', iouThreshold: 0.5 });
  store.update({ error: undefined });
  expect(seen).toEqual([undefined, 'one', undefined]);
  expect(store.state).toEqual({ scoreThreshold: 0.25, iouThreshold: 0.5, error: undefined });
});

it('a latch remembers that it was set, once', async () => {
  const latch = new Latch();
  latch.set();
  latch.set();
  await latch.wait();
  let isThrough = false;
  const waiting = latch.wait().then(() => {
    isThrough = true;
  });
  await Promise.resolve();
  expect(isThrough).toBe(false);
  latch.set();
  await waiting;
  expect(isThrough).toBe(true);
});
