import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, type TestBrowser } from '../support/browser.ts';
import { expectOfScene, launchWebExample, WebExample } from '../support/web-example.ts';

describe.skipIf(!chromium)('moving pictures in the web example (needs Chromium)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onelook-video-'));
  let browser: TestBrowser;
  beforeAll(async () => {
    // JPEGs one after the other are what Chromium takes for a camera.
    const camera = join(folder, 'camera.mjpeg');
    copyFileSync(fromRoot('examples/images/scene-2.jpg'), camera);
    const flags = [
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-video-capture=${camera}`,
    ];
    browser = await launchWebExample({ '/modules/': fromRoot('test/browser/modules') }, flags);
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it('looks at the frames of a video file, and counts them', async () => {
    const example = await WebExample.open(browser);
    const file = join(folder, 'scene.webm');
    const encoded = await callInPage<string>(
      example.page,
      '/modules/encode-video.js',
      'encodeVideo',
      '/images/scene-4.jpg',
    );
    writeFileSync(file, Buffer.from(encoded, 'base64'));
    await example.choose('#media-file', file);
    await example.expectSummary(/in scene\.webm$/);
    expectOfScene(await example.objects(), 'scene-4.jpg');
    await example.expectText('#frame-rate', /^\d+\.\d$/);
    expect(Number(await example.text('#frame-rate'))).toBeGreaterThan(0);
    await example.page.close();
  });

  it('looks at what the camera sees, until it is stopped', async () => {
    const example = await WebExample.open(browser);
    await example.page.click('#camera');
    await example.expectSummary(/in .*camera\.mjpeg.*$/);
    expectOfScene(await example.objects(), 'scene-2.jpg');
    expect(await example.text('#camera')).toBe('Stop the camera');
    await example.page.click('#camera');
    await example.expectText('#camera', /^Camera$/);
    expect(await example.isVisible('#hint')).toBe(true);
    expect(await example.objects()).toEqual([]);
    await example.page.close();
  });

  it('says so where a file is no video and where there is no camera', async () => {
    const example = await WebExample.open(browser);
    const file = join(folder, 'broken.webm');
    writeFileSync(file, 'no video');
    await example.choose('#media-file', file);
    await example.expectText('#error-text', /^broken\.webm is no video that this browser can play\.$/);
    await example.page.click('#error-dismiss');
    await example.page.evaluate(`navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))`);
    await example.page.click('#camera');
    await example.expectText('#error-text', /^There is no camera on this device\.$/);
    await example.page.close();
  });

  it('threw nothing that it did not show', () => {
    expect(browser.pageErrors).toEqual([]);
  });
});
