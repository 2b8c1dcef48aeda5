import { readFileSync, writeFileSync } from 'node:fs';
import type { ElementHandle, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';
import { temporaryFolder } from '../support/cli.ts';

interface KernelRow {
  readonly name: string;
  readonly figures: readonly number[];
  readonly check: string;
}

describe.skipIf(!chromium)('the kernel lab (needs Chromium)', () => {
  const folder = temporaryFolder();
  let browser: TestBrowser;
  let page: Page;
  beforeAll(async () => {
    browser = await launchBrowser({ '/': fromRoot('examples/web'), '/kernel-lab/': fromRoot('examples/kernel-lab') });
    page = await browser.open('/kernel-lab/');
    await settled();
  });
  afterAll(() => browser?.close());

  const text = (selector: string) => page.$eval(selector, (element) => element.textContent?.trim() ?? '');
  const contentOf = (selector: string) => page.$eval(selector, (area) => (area as HTMLTextAreaElement).value);

  /** Waits until kernels are there and nothing goes on; fails where the page shows an error. */
  async function settled(): Promise<void> {
    const condition = `(document.querySelector('#status').textContent === '' &&
      document.querySelectorAll('#kernels tbody tr').length > 0) || !document.querySelector('#error').hidden`;
    await page.waitForFunction(condition, { timeout: 100_000 });
    expect(await page.$eval('#error', (banner) => banner.checkVisibility() && banner.textContent)).toBe(false);
  }

  /** Starts something that makes the page busy, and waits until it is done. */
  async function settledAfter(action: () => Promise<unknown>): Promise<void> {
    const busy = page.waitForFunction(`document.querySelector('#status').textContent !== ''`, { polling: 'mutation' });
    await action();
    await busy;
    await settled();
  }

  const rows = () =>
    page.$$eval('#kernels tbody tr', (lines) =>
      lines.map((line): KernelRow => {
        const cells = Array.from(line.querySelectorAll('td'), (cell) => cell.firstChild?.textContent ?? '');
        const name = line.querySelector('th')?.textContent ?? '';
        return { name, figures: cells.slice(0, 4).map(Number.parseFloat), check: cells[4] };
      }),
    );

  const write = (find: string, replacement: string) =>
    page.$eval(
      '#wgsl',
      (element, before, after) => {
        const area = element as HTMLTextAreaElement;
        if (!area.value.includes(before)) throw new Error(`the text has no ${before}`);
        area.value = area.value.replace(before, after);
        area.dispatchEvent(new Event('input'));
      },
      find,
      replacement,
    );

  it('says which adapter it runs on, and that it is a software one', async () => {
    expect(await text('#adapter')).toBe('google swiftshader · a software adapter: the processor does the work');
  });

  it('lists the layers of the embedded network, and has measured the one with the most to do', async () => {
    expect(await text('#network')).toBe('The embedded network: 67 convolutions, 57 kinds');
    expect(await page.$$eval('#layers .layer', (layers) => layers.length)).toBe(57);
    expect(await text('#layer-title')).toBe('32x40x40 -> 64 k3 s1 p1 relu');
    expect(await text('#layer-facts')).toMatch(
      /^59\.1 MFLOP, 688 kB at least: 85\.8 FLOP\/byte · limited by arithmetic · key: conv2d 1x32/,
    );
    const kernels = await rows();
    expect(kernels.map(({ name }) => name)).toContain('general');
    for (const { name, figures, check } of kernels) {
      expect(check, name).toBe('✓ right');
      for (const value of figures) expect(value, name).toBeGreaterThanOrEqual(0);
      // 59.1 MFLOP in so many milliseconds.
      expect(figures[1] * figures[0]).toBeCloseTo(59.1, 0);
    }
  });

  it('draws the roofs, and a mark for each kernel that says what it is', async () => {
    expect(await page.$$eval('#plot .roof', ([roof]) => roof.getAttribute('points')?.split(' ').length)).toBe(3);
    expect(await text('#plot')).toMatch(/ridge [\d.]+ FLOP\/byte/);
    const names = (await rows()).map(({ name }) => name);
    const marks = await page.$$eval('#plot .kernel', (kernels) =>
      kernels.map((mark) => mark.getAttribute('aria-label')),
    );
    expect(marks.length).toBe(names.length);
    await page.$eval('#plot .kernel[data-kernel="general"]', (mark) => (mark as SVGElement).focus());
    expect(await text('#plot-details')).toMatch(/^general: [\d.]+ ms, .+FLOP\/s, .+B\/s, [\d.]+ % of the roofline$/);
    expect(await page.$eval('tr[data-kernel="general"]', (row) => row.className)).toContain('pointed-at');
  });

  it('measures a layer that is typed', async () => {
    await page.type('#shape', '6x12x12 -> 8 k3 silu');
    await settledAfter(() => page.click('#shape-form button'));
    expect(await text('#layer-title')).toBe('6x12x12 -> 8 k3 s1 p1 silu');
    expect(await page.$$eval('#layers input', (inputs) => inputs.some((input) => input.checked))).toBe(false);
    for (const { name, check } of await rows()) expect(check, name).toBe('✓ right');
  });

  it('says what is wrong with a layer that is typed', async () => {
    await page.$eval('#shape', (input) => {
      (input as HTMLInputElement).value = '6x12x12 -> 8 q3';
    });
    await page.click('#shape-form button');
    await page.waitForFunction(`!document.querySelector('#error').hidden`);
    expect(await text('#error-text')).toMatch(/^the layer "6x12x12 -> 8 q3": "q3" means nothing; .+\.$/);
    expect(await text('#layer-title')).toBe('6x12x12 -> 8 k3 s1 p1 silu');
    await page.click('#error-dismiss');
  });

  describe('a kernel of one’s own', () => {
    beforeAll(async () => {
      await page.click('[data-action="edit general"]');
      expect(await contentOf('#begin-from')).toBe('general');
    });

    it('is checked and timed with Control and Enter', async () => {
      await page.focus('#wgsl');
      await settledAfter(async () => {
        await page.keyboard.down('Control');
        await page.keyboard.press('Enter');
        await page.keyboard.up('Control');
      });
      expect(await text('#verdict')).toMatch(
        /^Right: 1152 elements, largest error \d\.\de-\d+, [\d.]+ % of what rounding/,
      );
      const own = (await rows()).at(-1);
      expect(own).toMatchObject({ name: 'yours', check: '✓ right' });
      expect(await page.$$eval('#plot .kernel.live', (marks) => marks.length)).toBe(1);
    });

    it('is reported with its first wrong element', async () => {
      await write('output[to] = sum;', 'output[to] = sum + select(0f, 0.1f, channel == 2u && y == 5u);');
      await settledAfter(() => page.click('#try'));
      expect(await text('#verdict')).toMatch(
        /^12 wrong elements of 1152, the first at \[0, 2, 5, 0\] \(image, channel, y, x\): -?[\d.]+ instead of -?[\d.]+ ± /,
      );
      expect((await rows()).at(-1)).toMatchObject({ name: 'yours', check: '✗ wrong' });
    });

    it('has its errors shown at their lines', async () => {
      await write('var sum = bias[channel];', 'var sum = bias[channel]');
      await settledAfter(() => page.click('#try'));
      const line = (await contentOf('#wgsl')).split('\n').findIndex((content) => content.includes('var sum')) + 1;
      // The missing semicolon is noticed where the next statement begins.
      expect(await text('#problems')).toMatch(new RegExp(`^Line ${line + 1} expected ';'`));
      expect(await text('#gutter .error')).toBe(`${line + 1}`);
      expect(await text('#verdict')).toBe('It does not compile.');
      await page.click('#problems button');
      const caret = await page.$eval('#wgsl', (area) => {
        const { value, selectionStart } = area as HTMLTextAreaElement;
        return value.slice(0, selectionStart).split('\n').length;
      });
      expect(caret).toBe(line + 1);
    });

    it('can go back to an earlier attempt', async () => {
      const attempts = await page.$$eval('#attempts li', (items) => items.map((item) => item.textContent));
      expect(attempts).toEqual([
        expect.stringMatching(/^3.*✗ does not compile$/),
        expect.stringMatching(/^2.* ms.*✗ wrong$/),
        expect.stringMatching(/^1[\d.]+ ms[\d.]+ × as fast as built in.*✓ right$/),
      ]);
      await page.click('#attempts li:last-child button');
      expect(await contentOf('#wgsl')).toContain('var sum = bias[channel];');
      expect(await contentOf('#wgsl')).toContain('output[to] = sum;');
      expect(await page.$$('#gutter .error')).toEqual([]);
    });

    it('may come from a file, for a layer of its own', async () => {
      const changed = (await contentOf('#wgsl')).replace(/layer 6x12x12/, 'layer 6x14x12');
      writeFileSync(`${folder}/other.wgsl`, changed);
      const input = (await page.$('#open-wgsl')) as ElementHandle<HTMLInputElement>;
      await settledAfter(() => input.uploadFile(`${folder}/other.wgsl`));
      expect(await text('#layer-title')).toBe('6x14x12 -> 8 k3 s1 p1 silu');
      await page.waitForFunction(`document.querySelector('#wgsl').value.startsWith('//! layer 6x14x12')`);
      expect(await page.$$('#attempts li')).toEqual([]);
      await page.$eval('#shape', (area) => {
        (area as HTMLInputElement).value = '6x12x12 -> 8 k3 silu';
      });
      await settledAfter(() => page.click('#shape-form button'));
      await page.click('[data-action="edit general"]');
    });

    it('may come from a file, with the size of its dispatch in sizes of the layer', async () => {
      const changed = (await contentOf('#wgsl')).replace(
        /workgroups \d+, 1, 1/,
        'workgroups ceil(outputHeight * outputWidth * outputChannels / 64)',
      );
      writeFileSync(`${folder}/own.wgsl`, changed);
      const input = (await page.$('#open-wgsl')) as ElementHandle<HTMLInputElement>;
      await input.uploadFile(`${folder}/own.wgsl`);
      await page.waitForFunction(`document.querySelector('#wgsl').value.includes('ceil(outputHeight')`);
      await settledAfter(() => page.click('#try'));
      expect(await text('#verdict')).toMatch(/^Right: /);
    });
  });

  it('pins kernels by the keys of their layers, and saves the table', async () => {
    await page.click('[data-action="pin general"]');
    const key = 'conv2d 1x6x12x12>8x12x12 k3x3 s1x1 p1.1.1.1 f32 silu';
    expect(JSON.parse(await contentOf('#pins'))).toEqual({ [key]: 'general' });
    await page.click('#pin-fastest');
    const fastest = await page.$eval('#kernels .best th', (name) => name.textContent);
    expect(JSON.parse(await contentOf('#pins'))).toEqual({ [key]: fastest });
    const client = await page.createCDPSession();
    await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    await page.click('#save-pins');
    await expect
      .poll(() => readFileSync(`${folder}/kernels.json`, { encoding: 'utf8' }), { timeout: 10_000 })
      .toBe(`${await contentOf('#pins')}\n`);
  });

  it('stops what goes on', async () => {
    await page.click('#measure');
    await page.waitForFunction(`!document.querySelector('#stop').hidden`);
    await page.click('#stop');
    await settled();
    expect(await page.$eval('#stop', (button) => button.checkVisibility())).toBe(false);
  });

  it('fits a narrow window', async () => {
    await page.setViewport({ width: 380, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(380);
  });

  it('threw nothing that it did not show', () => {
    expect(browser.pageErrors).toEqual([]);
  });
});
