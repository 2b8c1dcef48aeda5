import { expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser } from '../support/browser.ts';

it.skipIf(!chromium)('a page creates nothing for a picture but its command encoder (needs Chromium)', async () => {
  const browser = await launchBrowser({
    '/modules/': fromRoot('test/browser/modules'),
    '/images/': fromRoot('examples/images'),
  });
  try {
    const page = await browser.open('/blank/');
    const { submissions, counts } = await callInPage<{ submissions: number; counts: Record<string, number> }>(
      page,
      '/modules/steady-state-in-page.js',
      'countCreated',
      '/images/scene-1.jpg',
    );
    expect(counts).toEqual({ createCommandEncoder: submissions });
  } finally {
    await browser.close();
  }
});
