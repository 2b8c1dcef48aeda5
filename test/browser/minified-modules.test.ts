import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Detection } from '../../index.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { callInPage, chromium, launchBrowser, type TestBrowser } from '../support/browser.ts';
import { writeOnnx } from '../support/onnx-writer.ts';

interface Checked {
  readonly operators?: readonly string[];
  readonly thrown?: { readonly classes: readonly string[]; readonly message: string };
  /** The minified modules that the page has asked for. */
  readonly loaded: readonly string[];
}

const value = { name: 'x', type: 'float32', dims: [1, 4] } as const;
const networkOf = (operator: string) => [
  ...writeOnnx({
    inputs: [value],
    outputs: [{ ...value, name: 'y' }],
    nodes: [{ operator, inputs: ['x'], outputs: ['y'] }],
  }),
];
const onnx = networkOf('Relu');
const truncated = onnx.slice(0, -1);
/** What `checkModel` and `loadModel` begin with. */
const started = ['onelook.min.js', 'onelook-model.min.js'];
const stateDict = '/dist/embedded/onelook-shapes.safetensors';

describe.skipIf(!chromium)('the minified modules in a page (needs Chromium)', () => {
  let browser: TestBrowser;
  let alone: string;
  beforeAll(async () => {
    alone = mkdtempSync(join(tmpdir(), 'onelook-alone-'));
    for (const name of ['onelook.min.js', 'onelook-model.min.js'])
      copyFileSync(fromRoot(`dist/${name}`), join(alone, name));
    browser = await launchBrowser({
      '/modules/': fromRoot('test/browser/modules'),
      '/alone/': alone,
      '/images/': fromRoot('examples/images'),
    });
  });
  afterAll(async () => {
    await browser?.close();
    if (alone !== undefined) rmSync(alone, { recursive: true });
  });

  async function check(module: string, models: readonly (string | readonly number[])[]): Promise<Checked[]> {
    const page = await browser.open('/blank/');
    return callInPage<Checked[]>(page, '/modules/build-in-page.js', 'check', module, models);
  }

  it('are loaded with the first model that needs them', async () => {
    const [fromStateDict, fromOnnx] = await check('/dist/onelook.min.js', [stateDict, onnx]);
    expect(fromStateDict.operators).toContain('conv2d');
    expect(fromStateDict.loaded).toEqual([...started, 'onelook-state-dict.min.js']);
    expect(fromOnnx.operators).toEqual(['unary']);
    expect(fromOnnx.loaded).toEqual([...started, 'onelook-state-dict.min.js', 'onelook-onnx.min.js']);
  });

  it('are loaded with the first network that has their operators', async () => {
    const page = await browser.open('/blank/');
    const run = (operator: string, numbers: readonly number[]) =>
      callInPage<{ y: number[]; loaded: string[] }>(
        page,
        '/modules/build-in-page.js',
        'run',
        '/dist/onelook.min.js',
        networkOf(operator),
        numbers,
      );
    const relu = await run('Relu', [-1, 0, 1, 2]);
    expect(relu).toEqual({ y: [0, 0, 1, 2], loaded: [...started, 'onelook-onnx.min.js'] });
    const softmax = await run('Softmax', [5, 5, 5, 5]);
    expect(softmax).toEqual({ y: [0.25, 0.25, 0.25, 0.25], loaded: [...relu.loaded, 'onelook-operators.min.js'] });
  });

  it('share the classes of errors', async () => {
    const [{ thrown, loaded }] = await check('/dist/onelook.min.js', [truncated]);
    expect(loaded).toEqual([...started, 'onelook-onnx.min.js']);
    expect(thrown?.classes).toEqual(['ModelFormatError']);
  });

  it('are missed by name', async () => {
    const [{ thrown }] = await check('/alone/onelook.min.js', [onnx]);
    expect(thrown?.classes).toEqual(['ModuleLoadError']);
    expect(thrown?.message).toMatch(/^the module for ONNX files can't be loaded \(.*onelook-onnx\.min\.js\)/);
  });

  it('detect what the readable module detects', async () => {
    const page = await browser.open('/blank/');
    const detect = (module: string) =>
      callInPage<Detection[]>(page, '/modules/build-in-page.js', 'detect', module, '/images/scene-1.jpg');
    const readable = await detect('/dist/onelook.js');
    expect(readable.length).toBeGreaterThan(0);
    expect(await detect('/dist/onelook.min.js')).toEqual(readable);
  });

  it('come in one file too', async () => {
    const bundle = 'onelook.bundle.min.js';
    const [fromStateDict, fromOnnx] = await check(`/dist/${bundle}`, [stateDict, onnx]);
    expect(fromStateDict.operators).toContain('conv2d');
    expect(fromOnnx).toEqual({ operators: ['unary'], loaded: [bundle] });
  });
});
