import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { chromium, type TestBrowser } from '../support/browser.ts';
import { sharedPath } from '../support/shared.ts';
import { expectOfScene, launchWebExample, WebExample } from '../support/web-example.ts';

const EMBEDDED = /^The embedded network: yolo-nas, 320 × 320 pixels, 10 classes, float32$/;
const weights = readFileSync(fromRoot('models/embedded/onelook-shapes.safetensors'));
const yolox = sharedPath('models', 'yolox-nano.onnx');
const photos = sharedPath('images', 'photos');

describe.skipIf(!chromium)('the web example (needs Chromium)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onelook-web-'));
  let browser: TestBrowser;
  let example: WebExample;
  beforeAll(async () => {
    browser = await launchWebExample(yolox ? { '/models/': dirname(yolox) } : {});
    example = await WebExample.open(browser);
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  function written(name: string, bytes: Uint8Array | string): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  it('shows what the embedded network finds in a scene, and that the adapter is a software one', async () => {
    expect(await example.text('#adapter')).toBe('google swiftshader · a software adapter: the processor does the work');
    expect(await example.text('#advice')).toContain('google-chrome --enable-unsafe-webgpu');
    expect(await example.text('#network')).toMatch(EMBEDDED);
    const objects = await example.objects();
    expectOfScene(objects, 'scene-1.jpg');
    for (const { box } of objects) expect(await example.drawnSides(box, 640)).toEqual([true, true, true, true]);
  });

  it('shows the time of each stage', async () => {
    const rows = await example.page.$$eval('#times tr', (lines) =>
      lines.map((line) => ({
        stage: line.querySelector('th')?.firstChild?.textContent ?? '',
        time: Number.parseFloat(line.querySelector('td')?.textContent ?? ''),
      })),
    );
    const times = new Map(rows.map(({ stage, time }) => [stage, time]));
    const stages = ['Decode', 'Wait', 'Upload', 'Encode', 'Run and read back', 'on the GPU', 'Total'];
    expect([...times.keys()]).toEqual(stages);
    for (const [stage, time] of times) expect(time, stage).toBeGreaterThanOrEqual(0);
    const sum = ['Wait', 'Upload', 'Encode', 'Run and read back'].reduce(
      (total, stage) => total + (times.get(stage) ?? 0),
      0,
    );
    expect(sum).toBeCloseTo(times.get('Total') ?? 0, 0);
  });

  it('looks at another scene, a chosen, a dropped and a pasted picture', async () => {
    await example.page.click('[data-picture="images/scene-2.jpg"]');
    await example.expectSummary(/in scene-2\.jpg$/);
    expectOfScene(await example.objects(), 'scene-2.jpg');
    await example.choose('#media-file', fromRoot('examples/images/scene-3.jpg'));
    await example.expectSummary(/in scene-3\.jpg$/);
    expectOfScene(await example.objects(), 'scene-3.jpg');
    await example.give('drop', '/images/scene-4.jpg', 'image/jpeg');
    await example.expectSummary(/in scene-4\.jpg$/);
    expectOfScene(await example.objects(), 'scene-4.jpg');
    await example.give('paste', '/images/scene-5.jpg', 'image/jpeg');
    await example.expectSummary(/in scene-5\.jpg$/);
  });

  it('leaves out objects below the threshold', async () => {
    await example.page.click('[data-picture="images/scene-1.jpg"]');
    await example.expectSummary(/in scene-1\.jpg$/);
    const before = await example.objects();
    const threshold = Math.ceil(before[0].percent) / 100;
    await example.page.$eval(
      '#score',
      (slider, value) => {
        (slider as HTMLInputElement).value = value;
        slider.dispatchEvent(new Event('input'));
      },
      String(threshold),
    );
    await example.expectText('#summary', /^No objects in scene-1\.jpg$/);
    expect(await example.text('#score-value')).toBe(threshold.toFixed(2));
    expect(await example.objects()).toEqual([]);
    await example.page.focus('#score');
    await example.page.keyboard.press('Home');
    await example.expectText('#score-value', /^0\.00$/);
    await example.expectText('#summary', /^\d\d+ objects in/);
  });

  it('says what is wrong with a file, and keeps the network that it has', async () => {
    const failures: [selector: string, file: string, message: RegExp][] = [
      ['#network-file', written('cut.safetensors', weights.subarray(0, weights.length / 2)), /^cut\.safetensors.*\.$/],
      ['#network-file', fromRoot('examples/images/scene-1.jpg'), /^scene-1\.jpg is a JPEG picture.*\.$/],
      ['#network-file', written('empty.onnx', ''), /^empty\.onnx is an empty file.*\?$/],
      ['#media-file', written('broken.png', 'no picture'), /^broken\.png is no picture that this browser can read\.$/],
    ];
    for (const [selector, file, message] of failures) {
      await example.choose(selector, file);
      await example.expectText('#error-text', message);
      expect(await example.isVisible('#loading')).toBe(false);
      expect(await example.text('#network')).toMatch(EMBEDDED);
      await example.page.click('#error-dismiss');
      expect(await example.error()).toBe('');
    }
    await example.page.type('#network-url', '/nowhere.onnx');
    await example.page.click('#network-form button');
    await example.expectText('#error-text', /nowhere\.onnx can't be downloaded: the server answers HTTP 404/);
  });

  describe('loading from an address', () => {
    let server: Server;
    let address: string;
    let finish = () => {};
    let closed: Promise<void>;
    beforeAll(async () => {
      // Sends a half, and the rest when the test lets it.
      server = createServer((_, response) => {
        response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'Content-Length': weights.length });
        response.write(weights.subarray(0, weights.length / 2));
        finish = () => response.end(weights.subarray(weights.length / 2));
        closed = new Promise((resolve) => response.once('close', resolve));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/shapes.safetensors`;
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    async function beginLoading(): Promise<void> {
      await example.page.$eval('#network-url', (input) => {
        (input as HTMLInputElement).value = '';
      });
      await example.page.type('#network-url', address);
      await example.page.click('#network-form button');
      await example.expectText('#loading-text', /^shapes\.safetensors: reading, 0\.\d MB of 1\.\d MB$/);
    }

    it('can be cancelled', async () => {
      await beginLoading();
      expect(await example.page.$eval('#loading-bar', (bar) => (bar as HTMLProgressElement).position)).toBeCloseTo(
        0.5,
        1,
      );
      await example.page.click('#loading-cancel');
      expect(await example.isVisible('#loading')).toBe(false);
      await closed;
      expect(await example.error()).toBe('');
      expect(await example.text('#network')).toMatch(EMBEDDED);
      await example.page.click('[data-picture="images/scene-2.jpg"]');
      await example.expectSummary(/in scene-2\.jpg$/);
    });

    it('shows how far reading and compiling have come', async () => {
      await beginLoading();
      await example.page.evaluate(`
        window.stages = [];
        new MutationObserver(() => {
          const { dataset } = document.querySelector('#loading');
          window.stages.push([dataset.stage, document.querySelector('#loading-bar').position]);
        }).observe(document.querySelector('#loading-text'), { childList: true });
      `);
      finish();
      await example.expectText('#network', /^shapes\.safetensors: yolo-nas/);
      const stages = (await example.page.evaluate('window.stages')) as [string, number][];
      for (const stage of ['read', 'compile']) {
        const positions = stages.filter(([name]) => name === stage).map(([, position]) => position);
        expect(positions.length, stage).toBeGreaterThan(0);
        expect(positions, stage).toEqual([...positions].sort((a, b) => a - b));
        expect(positions.at(-1), stage).toBe(1);
      }
      expect(await example.isVisible('#loading')).toBe(false);
      await example.page.click('#network-embedded');
      await example.expectText('#network', EMBEDDED);
    });
  });

  it.skipIf(!yolox || !photos)('finds a bus and people with a dropped yolox-nano (needs ../shared)', async () => {
    await example.give('drop', `/models/${basename(yolox as string)}`, '');
    await example.expectText('#network', /^yolox-nano\.onnx: yolox, 416 × 416 pixels, 80 classes, float32$/);
    await example.choose('#media-file', join(photos as string, 'bus.jpg'));
    await example.expectSummary(/in bus\.jpg$/);
    const sure = (await example.objects()).filter(({ percent }) => percent > 70);
    expect(sure.map(({ label }) => label)).toEqual(['bus', 'person', 'person', 'person']);
  });

  it('says what to do without WebGPU', async () => {
    const page = await browser.open('/blank/');
    await page.evaluateOnNewDocument(`Object.defineProperty(navigator, 'gpu', { value: undefined })`);
    await page.goto(browser.url);
    await page.waitForFunction(`!document.querySelector('#advice').hidden`);
    const textOf = (selector: string) => page.$eval(selector, (element) => element.textContent);
    expect(await textOf('#adapter')).toBe('No WebGPU adapter');
    expect(await textOf('#error-text')).toMatch(/^WebGPU is not available here/);
    const advice = await textOf('#advice');
    expect(advice).toContain('--enable-unsafe-webgpu --ozone-platform=x11 --use-angle=vulkan');
    expect(advice).toContain('--use-webgpu-adapter=swiftshader');
  });

  it('goes on after the device was lost, once a network is loaded again', async () => {
    const page = await browser.open('/blank/');
    await page.evaluateOnNewDocument(`
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...parameters) {
        window.device = await request.apply(this, parameters);
        return window.device;
      };
    `);
    await page.goto(browser.url);
    const losing = await WebExample.of(page);
    await page.evaluate('window.device.destroy()');
    await losing.expectText('#error-text', /^The graphics device was lost \(.+\): load the network again\.$/);
    expect(await losing.text('#network')).toBe('None is loaded.');
    await page.click('#network-embedded');
    await losing.expectText('#network', EMBEDDED);
    await page.click('[data-picture="images/scene-2.jpg"]');
    await losing.expectSummary(/in scene-2\.jpg$/);
    await page.close();
  });

  it('threw nothing that it did not show', () => {
    expect(browser.pageErrors).toEqual([]);
  });
});
