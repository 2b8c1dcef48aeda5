import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DetectionResult } from '../../index.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';
import { intersectionOverUnion } from '../support/detection-oracle.ts';

describe.skipIf(!chromium)('images of a page (needs Chromium)', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await launchBrowser({
      '/modules/': fromRoot('test/browser/modules'),
      '/images/': fromRoot('examples/images'),
    });
  });
  afterAll(() => browser?.close());

  it('give the same detections in every form', async () => {
    const page = await browser.open('/blank/');
    const module = '/modules/image-sources-in-page.js';
    const results = await callInPage<Record<string, DetectionResult>>(
      page,
      module,
      'detectInEveryForm',
      '/images/scene-1.jpg',
    );
    const { bytes, HTMLVideoElement, VideoFrame, ...exact } = results;
    expect(bytes.detections.length).toBeGreaterThan(0);
    expect(bytes.adapter.software).toBe(true);
    for (const [form, { detections }] of Object.entries(exact)) expect(detections, form).toEqual(bytes.detections);
    // Videos may keep colours at lesser resolution.
    for (const { detections, width, height } of [HTMLVideoElement, VideoFrame]) {
      expect([width, height]).toEqual([bytes.width, bytes.height]);
      expect(detections.map(({ label }) => label).sort()).toEqual(bytes.detections.map(({ label }) => label).sort());
      for (const { box, classId } of detections) {
        const overlaps = bytes.detections.map((other) =>
          other.classId === classId ? intersectionOverUnion(box, other.box) : 0,
        );
        expect(Math.max(...overlaps)).toBeGreaterThan(0.9);
      }
    }
    expect(browser.pageErrors).toEqual([]);
  });

  it('that have no pixels are refused', async () => {
    const page = await browser.open('/blank/');
    const codes = await callInPage<string[]>(page, '/modules/image-sources-in-page.js', 'detectInUnusable');
    expect(codes).toEqual(['invalid-image', 'invalid-image', 'invalid-image', 'invalid-image']);
  });
});
