import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TuneOptions } from '../../index.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';

interface Loaded {
  readonly timed: number;
  readonly known: number;
  readonly warnings: readonly string[];
  readonly loaded: readonly string[];
}

const BUDGET = { budgetMs: 3000 };

describe.skipIf(!chromium)('tuning in a page (needs Chromium)', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await launchBrowser({ '/modules/': fromRoot('test/browser/modules') });
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function load(tunes: readonly TuneOptions[], database: 'here' | 'missing' | 'forbidden'): Promise<Loaded[]> {
    const page = await browser.open('/blank/');
    const module = '/dist/onelook.min.js';
    return callInPage<Loaded[]>(page, '/modules/tuning-in-page.js', 'loadTuned', module, tunes, database);
  }

  it('is remembered in IndexedDB, for other pages too', async () => {
    const [first, again] = await load([BUDGET, { budgetMs: 0 }], 'here');
    expect(first.timed).toBeGreaterThan(0);
    expect(first.known).toBeGreaterThanOrEqual(first.timed);
    expect(first.loaded).toContain('onelook-tuner.min.js');
    expect(again).toMatchObject({ timed: 0, known: first.known, warnings: [] });
    const [elsewhere, other] = await load([{ budgetMs: 0 }, { budgetMs: 0, store: 'another database' }], 'here');
    expect(elsewhere).toMatchObject({ timed: 0, known: first.known, warnings: [] });
    expect(other.known).toBe(0);
  });

  it.each(['missing', 'forbidden'] as const)('is not remembered where IndexedDB is %s', async (database) => {
    const [first, again] = await load([BUDGET, { budgetMs: 0 }], database);
    expect(first.timed).toBeGreaterThan(0);
    expect(again).toMatchObject({ timed: 0, known: 0, warnings: [] });
  });
});
