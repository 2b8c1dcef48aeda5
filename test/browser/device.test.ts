import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdapterReport } from '../../index.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';
import { randomFloats } from '../support/random.ts';
import { runOnSwiftShader, swiftShaderDriver } from '../support/swiftshader.ts';

interface AffineRun {
  readonly adapter: AdapterReport;
  readonly values: readonly number[];
}

const MODULES = fromRoot('test/browser/modules');
const values = [...randomFloats(1, 4096, 10)];
const expected = values.map((value) => value * 3 + 0.1);

describe.skipIf(!chromium)('a device in a page (needs Chromium)', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await launchBrowser({ '/modules/': MODULES });
  });
  afterAll(() => browser?.close());

  it('runs a compute shader on the software adapter, and says that it is one', async () => {
    const page = await browser.open('/blank/');
    const run = await callInPage<AffineRun>(page, '/modules/affine-in-page.js', 'run', values);
    expect(run.adapter.software).toBe(true);
    expect(run.adapter.name).not.toBe('unnamed adapter');
    expectClose(run.values);
    expect(browser.pageErrors).toEqual([]);
  });

  it.skipIf(!swiftShaderDriver)("gives Node's bytes on the same adapter (needs Debian's Chromium)", async () => {
    const page = await browser.open('/blank/');
    const inPage = await callInPage<AffineRun>(page, '/modules/affine-in-page.js', 'run', values);
    const inNode: AffineRun = JSON.parse(runOnSwiftShader(`${MODULES}/affine-in-node.js`, [JSON.stringify(values)]));
    expect(inNode.adapter.architecture).toBe('swiftshader');
    expect(inPage.adapter.architecture).toBe('swiftshader');
    expect(inPage.values).toEqual(inNode.values);
  });
});

function expectClose(actual: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const worst = Math.max(...actual.map((value, index) => Math.abs(value - expected[index])));
  expect(worst).toBeLessThan(1e-5);
}
