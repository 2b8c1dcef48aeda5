import { expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser } from '../support/browser.ts';

interface StreamedVideo {
  readonly frames: readonly {
    readonly index: number;
    readonly mediaTime: number;
    readonly labels: readonly string[];
  }[];
  readonly alone: readonly string[];
  readonly aborted: string;
}

it.skipIf(!chromium)('a page detects what a video shows, frame by frame, to its end (needs Chromium)', async () => {
  const browser = await launchBrowser({
    '/modules/': fromRoot('test/browser/modules'),
    '/images/': fromRoot('examples/images'),
  });
  try {
    const page = await browser.open('/blank/');
    const { frames, alone, aborted } = await callInPage<StreamedVideo>(
      page,
      '/modules/stream-in-page.js',
      'streamVideo',
      '/images/scene-4.jpg',
    );
    expect(frames.length).toBeGreaterThan(1);
    // The encoder of the video costs an object at most.
    expect(alone.length).toBeGreaterThan(4);
    for (const { labels } of frames) {
      expect(labels.length).toBeGreaterThanOrEqual(alone.length - 1);
      expect(new Set(alone)).toEqual(new Set([...alone, ...labels]));
    }
    // Frames may be dropped, and never come late or twice.
    frames.slice(1).forEach(({ index, mediaTime }, i) => {
      expect(index).toBeGreaterThan(frames[i].index);
      expect(mediaTime).toBeGreaterThan(frames[i].mediaTime);
    });
    expect(aborted).toBe('aborted');
    expect(browser.pageErrors).toEqual([]);
  } finally {
    await browser.close();
  }
});
