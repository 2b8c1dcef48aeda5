import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdapterReport, Detection } from '../../index.ts';
import { readImage } from '../../node.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';
import { sharedPath } from '../support/shared.ts';
import { runOnSwiftShader, swiftShaderDriver } from '../support/swiftshader.ts';
import { firstDifference, type TracedValue } from '../support/trace.ts';

interface NetworkRun {
  readonly adapter: AdapterReport;
  /** What runs, in order. */
  readonly kernels: readonly string[];
  readonly outputs: readonly { readonly output: string; readonly base64: string }[];
  readonly detections: readonly Detection[];
}

/** The same file in both worlds. */
interface SharedFile {
  readonly path: string;
  readonly url: string;
}

const IN_NODE = fromRoot('test/browser/modules/network-in-node.js');
const IN_PAGE = '/modules/network-in-page.js';
const embedded = fromRoot('models/embedded/onelook-shapes.safetensors');
const yolox = sharedPath('models', 'yolox-nano.onnx');
const photo = sharedPath('images', 'photos', 'bus.jpg');

describe.skipIf(!chromium || !swiftShaderDriver)("Node and Chromium on one adapter (needs Debian's Chromium)", () => {
  const folder = mkdtempSync(join(tmpdir(), 'onelook-same-bytes-'));
  const scratch = (name: string): SharedFile => ({ path: join(folder, name), url: `/scratch/${name}` });
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await launchBrowser({
      '/modules/': fromRoot('test/browser/modules'),
      '/scratch/': folder,
      '/embedded/': dirname(embedded),
      ...(yolox ? { '/models/': dirname(yolox) } : {}),
    });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it('give the same bytes for the embedded network', async () => {
    const model = { path: embedded, url: `/embedded/${basename(embedded)}` };
    await expectSameBytes(model, fromRoot('examples/images/scene-1.jpg'));
  });

  it('give the same values of the first operators, or the first that differs is named', async () => {
    const model = { path: embedded, url: `/embedded/${basename(embedded)}` };
    const { pixels } = await writePixels(fromRoot('examples/images/scene-1.jpg'));
    const [inNode, inPage] = await traceBoth(model, pixels, 20);
    expect(inNode.length).toBe(20);
    expect(new Set(inNode.map(({ hash }) => hash)).size).toBeGreaterThan(15);
    expect(firstDifference(inNode, inPage)).toBeUndefined();
    const broken = inNode.map((value, index) => (index >= 7 ? { ...value, hash: 'another' } : value));
    expect(firstDifference(inNode, broken)).toBe(inNode[7]);
  });

  it.skipIf(!yolox || !photo)('give the same bytes for yolox-nano (needs ../shared)', async () => {
    await expectSameBytes({ path: yolox as string, url: `/models/${basename(yolox as string)}` }, photo as string);
  });

  async function expectSameBytes(model: SharedFile, picture: string): Promise<void> {
    const { pixels, width, height } = await writePixels(picture);
    const inNode: NetworkRun = JSON.parse(
      runOnSwiftShader(IN_NODE, ['run', model.path, pixels.path, String(width), String(height)]),
    );
    const page = await browser.open('/blank/');
    const inPage = await callInPage<NetworkRun>(page, IN_PAGE, 'run', model.url, pixels.url, width, height);
    await page.close();
    expect(inNode.adapter.architecture).toBe('swiftshader');
    expect(inPage.adapter.architecture).toBe('swiftshader');
    expect(inPage.kernels).toEqual(inNode.kernels);
    const differing = inNode.outputs.find(({ base64 }, index) => base64 !== inPage.outputs[index]?.base64);
    if (differing) expect.fail(`${differing.output} differs: ${await explain(model, pixels)}`);
    expect(inNode.detections.length).toBeGreaterThan(0);
    expect(inPage.detections).toEqual(inNode.detections);
  }

  /** Names the first operator whose result isn't the same. */
  async function explain(model: SharedFile, pixels: SharedFile): Promise<string> {
    const [inNode, inPage] = await traceBoth(model, pixels);
    const first = firstDifference(inNode, inPage);
    if (!first) return 'yet with all values kept in memory every operator gives the same';
    return `the first operator to give another result is ${first.operator} "${first.node}" of shape [${first.shape}]`;
  }

  async function traceBoth(
    model: SharedFile,
    pixels: SharedFile,
    nodes?: number,
  ): Promise<[inNode: TracedValue[], inPage: TracedValue[]]> {
    const count = nodes === undefined ? [] : [nodes];
    const tracer = scratch('trace.js');
    await build({
      entryPoints: [fromRoot('test/support/trace.ts')],
      outfile: tracer.path,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
    });
    const inNode: TracedValue[] = JSON.parse(
      runOnSwiftShader(IN_NODE, ['trace', tracer.path, model.path, pixels.path, ...count.map(String)]),
    );
    const page = await browser.open('/blank/');
    const inPage = await callInPage<TracedValue[]>(page, IN_PAGE, 'trace', tracer.url, model.url, pixels.url, ...count);
    await page.close();
    return [inNode, inPage];
  }

  /** Decoded once, so that both worlds get the same bytes. */
  async function writePixels(picture: string): Promise<{ pixels: SharedFile; width: number; height: number }> {
    const { data, width, height } = await readImage(picture);
    const pixels = scratch(`${basename(picture)}.rgb`);
    writeFileSync(pixels.path, data);
    return { pixels, width, height };
  }
});
