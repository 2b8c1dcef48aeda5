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
    const { images, counts } = await callInPage<{ images: number; counts: Record<string, number> }>(
      page,
      '/modules/steady-state-in-page.js',
      'countCreated',
      '/images/scene-1.jpg',
    );
    expect(counts).toEqual({ createCommandEncoder: images });
  } finally {
    await browser.close();
  }
});
