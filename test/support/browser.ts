import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { findChromium } from '../../scripts/support/chromium.mjs';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { startStaticServer } from '../../scripts/support/static-server.mjs';

/** For `describe.skipIf(!chromium)`; the reason belongs in the name: `describe.skipIf(!chromium)('… (needs Chromium)')`. */
export const chromium: string | undefined = findChromium();

/** Headless, on the software adapter that Chromium brings, and quiet towards the network. */
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface TestBrowser {
  /** Where the folders are served; ends with a slash. */
  readonly url: string;
  /** Opens a page of the server. Whatever the page throws and nothing catches is collected in `pageErrors`. */
  open(path: string): Promise<Page>;
  readonly pageErrors: string[];
  close(): Promise<void>;
}

/**
 * Starts Chromium with a fresh profile, and a server on the loopback interface that has the built modules under `/dist/`,
 * an empty page at `/blank/` and the given folders.
 * @param folders from the beginning of a URL's path, with slashes at both ends, to an absolute folder
 * @param flags more of Chromium's command line
 */
export async function launchBrowser(
  folders: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<TestBrowser> {
  if (chromium === undefined) throw new Error('There is no Chromium: run "node scripts/setup-browser.mjs"');
  const profile = mkdtempSync(join(tmpdir(), 'onelook-chromium-'));
  const server = await startStaticServer({
    '/dist/': fromRoot('dist'),
    '/blank/': fromRoot('test/browser/blank'),
    ...folders,
  });
  let browser: Browser;
  try {
    const args = [...FLAGS, ...flags];
    browser = await puppeteer.launch({ executablePath: chromium, args, userDataDir: profile, headless: true });
  } catch (error) {
    await server.close();
    throw error;
  }
  const pageErrors: string[] = [];
  return {
    url: server.url,
    pageErrors,
    async open(path) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => pageErrors.push(String(error)));
      await page.goto(new URL(path, server.url).href);
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Imports a module in the page and calls one of its functions; arguments and result travel as JSON. */
export function callInPage<Result>(
  page: Page,
  module: string,
  name: string,
  ...args: readonly unknown[]
): Promise<Result> {
  const call = `import(${JSON.stringify(module)}).then((module) => module[${JSON.stringify(name)}](...${JSON.stringify(args)}))`;
  return page.evaluate(call) as Promise<Result>;
}
