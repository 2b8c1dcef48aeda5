import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TuningTable } from '../../engine/plan/tuning-table.ts';
import { GpuLayerTimer } from '../../engine/runtime/layer-timer.ts';
import {
  AbortError,
  Detector,
  InvalidArgumentError,
  type LoadedModel,
  type LoadModelOptions,
  loadModel,
  readImage,
  type TuneOptions,
} from '../../node.ts';
import { temporaryFolder } from '../support/cli.ts';
import { testDevice } from '../support/device.ts';
import { randomFloats } from '../support/random.ts';

const EMBEDDED = fileURLToPath(new URL('../../models/embedded/onelook-shapes.safetensors', import.meta.url));
const SCENE = fileURLToPath(new URL('../../examples/images/scene-1.jpg', import.meta.url));
const SIZE = 64;
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

afterEach(() => {
  vi.restoreAllMocks();
});

async function load(options: LoadModelOptions = {}, size = SIZE): Promise<LoadedModel> {
  return loadModel(EMBEDDED, { device: await testDevice(), precision: 'float32', inputSize: size, ...options });
}

async function outputsOf(model: LoadedModel): Promise<number[]> {
  const inputs = model.inputs.map(({ name, dims }) => {
    const data = Float32Array.from(randomFloats(5, 3 * dims[2] * dims[3], 1));
    return [name, { type: 'float32', dims, data }] as const;
  });
  const outputs = await model.run(Object.fromEntries(inputs));
  return Object.values(outputs).flatMap(({ data }) => [...data].map(Number));
}

const chosen = (model: LoadedModel) => model.plan.layers.map((layer) => layer.chosen);
const layersTimed = (reports: unknown[]): TuneOptions => ({ onProgress: (progress) => reports.push(progress) });

/** Tuned without a limit on time, once for the whole file. */
let tuned: Promise<{ model: LoadedModel; table: TuningTable; outputs: number[]; timed: number }> | undefined;
const store = at('table.json');
function tunedOnce() {
  tuned ??= (async () => {
    const reports: unknown[] = [];
    const tune = { budgetMs: Number.POSITIVE_INFINITY, store, ...layersTimed(reports) };
    const model = await load({ tune });
    if (!model.tuning) throw new Error('tuning is on');
    return { model, table: model.tuning, outputs: await outputsOf(model), timed: reports.length };
  })();
  return tuned;
}

function expectSameOutputs(actual: readonly number[], expected: readonly number[]): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - actual[index])), 0);
  expect(actual).toHaveLength(expected.length);
  expect(worst / largest).toBeLessThan(1e-5);
}

describe('a tuned network', () => {
  it('computes what the untuned one computes', async () => {
    const untuned = await load();
    expect(untuned.tuning).toBeUndefined();
    expectSameOutputs((await tunedOnce()).outputs, await outputsOf(untuned));
    untuned.dispose();
  });

  it('runs each layer with its winner, the fastest of all that there are or hardly slower', async () => {
    const { model, table, timed } = await tunedOnce();
    expect(timed).toBeGreaterThan(5);
    expect(Object.keys(table.layers)).toHaveLength(timed);
    for (const { key, chosen: name } of model.plan.layers) {
      const { winner, microseconds } = table.layers[key];
      expect(name).toBe(winner);
      const times = Object.values(microseconds).map(Number);
      expect(times.length).toBeGreaterThan(1);
      expect(microseconds[winner]).toBeLessThanOrEqual(Math.min(...times) * 1.05);
    }
  });

  it('times nothing when it is loaded again', async () => {
    const { table, outputs } = await tunedOnce();
    const create = vi.spyOn(GpuLayerTimer, 'create');
    const again = await load({ tune: { store } });
    expect(create).not.toHaveBeenCalled();
    expect(again.tuning).toEqual(table);
    expectSameOutputs(await outputsOf(again), outputs);
    again.dispose();
  });

  it('times the layers that its table lacks, and no others', async () => {
    const { table } = await tunedOnce();
    const [lost, ...kept] = Object.keys(table.layers);
    const [partly] = kept;
    const layers = Object.fromEntries(kept.map((key) => [key, table.layers[key]]));
    const { winner, microseconds } = layers[partly];
    layers[partly] = { winner, microseconds: { [winner]: microseconds[winner] } };
    const timed: string[] = [];
    const onProgress = ({ layer }: { readonly layer: string }) => timed.push(layer);
    const model = await load({ tune: { store: false, table: { ...table, layers }, onProgress } });
    expect(timed.sort()).toEqual([lost, partly].sort());
    expect(Object.keys(model.tuning?.layers[partly].microseconds ?? {}).sort()).toEqual(
      Object.keys(microseconds).sort(),
    );
    model.dispose();
  });

  it('goes on another time where the budget ended', async () => {
    const file = at('budget.json');
    const model = await load({ tune: { store: file, budgetMs: 60 } });
    const known = Object.keys(model.tuning?.layers ?? {}).length;
    expect(known).toBeLessThan((await tunedOnce()).timed);
    model.dispose();
    const complete = await load({ tune: { store: file, budgetMs: Number.POSITIVE_INFINITY } });
    expect(Object.keys(complete.tuning?.layers ?? {})).toHaveLength((await tunedOnce()).timed);
    complete.dispose();
  });

  it.each(['timestamps', 'subgroups'] as const)('does without %s', async (feature) => {
    const device = await testDevice({ limits: 'core', without: ['float16', feature] });
    const [key] = (await tunedOnce()).model.plan.layers.map((layer) => layer.key);
    const model = await load({ device, tune: { store: false, budgetMs: 4000 } });
    const untuned = await load({ device });
    expect(Object.keys(model.tuning?.layers ?? {})).not.toHaveLength(0);
    expect(model.plan.layers[0].key).toBe(key);
    expectSameOutputs(await outputsOf(model), await outputsOf(untuned));
    model.dispose();
    untuned.dispose();
  });

  it('can be cancelled while it is tuned', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const loading = load({ signal: controller.signal, tune: { store: false, onProgress } });
    await expect(loading).rejects.toThrow(AbortError);
  });

  it('reports the layers among the stages of loading', async () => {
    const stages: string[] = [];
    const model = await load({ tune: { store: false, budgetMs: 3000 }, onProgress: ({ stage }) => stages.push(stage) });
    expect([...new Set(stages)]).toEqual(['read', 'tune', 'compile']);
    model.dispose();
  });
});

describe('a detector', () => {
  it('is tuned as it is loaded, and finds the same', async () => {
    const device = await testDevice();
    const tune: TuneOptions = { budgetMs: 0, store };
    await tunedOnce();
    const options = { device, precision: 'float32', inputSize: SIZE } as const;
    const plain = await Detector.load(EMBEDDED, options);
    const detector = await Detector.load(EMBEDDED, { ...options, tune });
    expect(plain.tuning).toBeUndefined();
    expect(Object.keys(detector.tuning?.layers ?? {}).length).toBeGreaterThan(5);
    const scene = await readImage(SCENE);
    const [expected, actual] = [await plain.detect(scene), await detector.detect(scene)];
    expect(actual.detections.map(({ label }) => label)).toEqual(expected.detections.map(({ label }) => label));
    plain.dispose();
    detector.dispose();
  });
});

describe('a table that came with the application', () => {
  /** Not what anyone would measure. */
  async function slowest(): Promise<TuningTable> {
    const { table } = await tunedOnce();
    const layers = Object.entries(table.layers).map(([key, { microseconds }]) => [
      key,
      { winner: 'general', microseconds },
    ]);
    return { ...table, layers: Object.fromEntries(layers) };
  }

  it('is used as an object and as text, before what is remembered', async () => {
    const table = await slowest();
    for (const given of [table, JSON.stringify(table)]) {
      const model = await load({ tune: { table: given, store, budgetMs: 0 } });
      expect(new Set(chosen(model))).toEqual(new Set(['general']));
      model.dispose();
    }
    expect(JSON.parse(readFileSync(store, 'utf8')).layers).toEqual((await tunedOnce()).table.layers);
  });

  it('is ignored with one warning where it is for another adapter', async () => {
    const table = await slowest();
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const other = { ...table, adapter: { ...table.adapter, description: 'Acme One' } };
    const model = await load({ tune: { table: other, store: false, budgetMs: 0, onWarning } });
    expect(warnings).toEqual([
      expect.stringMatching(/^the tuning table given as tune\.table is ignored: it is for another/),
    ]);
    expect(chosen(model)).not.toContain('general');
    model.dispose();
  });
});

describe('a file that is no such table', () => {
  it('is ignored with one warning, and left as it is', async () => {
    const file = at('letter.txt');
    writeFileSync(file, 'Dear all');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const model = await load({ tune: { store: file, budgetMs: 100 } });
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/letter\.txt is ignored: it is no JSON$/)]]);
    expect(readFileSync(file, 'utf8')).toBe('Dear all');
    model.dispose();
  });

  it('is replaced where it lies in the cache', async () => {
    vi.stubEnv('XDG_CACHE_HOME', at('cache'));
    const warnings: string[] = [];
    const tune = { budgetMs: 300, onWarning: (message: string) => warnings.push(message) };
    (await load({ tune })).dispose();
    expect(warnings).toEqual([]);
    const [file] = readdirSync(at('cache/onelook')).map((name) => at(`cache/onelook/${name}`));
    writeFileSync(file, '{');
    (await load({ tune })).dispose();
    expect(warnings).toHaveLength(1);
    (await load({ tune })).dispose();
    expect(warnings).toHaveLength(1);
    vi.unstubAllEnvs();
  });

  it('and a place that can not be written to, do not stop loading', async () => {
    writeFileSync(at('plain'), '');
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const model = await load({ tune: { store: at('plain/table.json'), budgetMs: 100, onWarning } });
    expect(warnings.join('\n')).toMatch(/can't be written to|is ignored/);
    expect(model.plan.layers.length).toBeGreaterThan(0);
    model.dispose();
  });
});

describe('a person', () => {
  it('prefers a family of kernels', async () => {
    const expected = await outputsOf(await load());
    const model = await load({ kernels: { prefer: 'general' } });
    expect(new Set(chosen(model))).toEqual(new Set(['general']));
    expect(model.tuning).toBeUndefined();
    expectSameOutputs(await outputsOf(model), expected);
    model.dispose();
  });

  it('pins the kernel of a layer, by its node or by its key, before everything else', async () => {
    const { table, model: known } = await tunedOnce();
    const { node } = known.plan.layers[0];
    const { key } = known.plan.layers.at(-1) ?? known.plan.layers[0];
    const { winner, microseconds } = table.layers[key];
    const other = Object.keys(microseconds).find((name) => name !== winner) ?? '';
    const kernels = { pins: { [node]: 'general', [key]: other }, prefer: 'direct' };
    const model = await load({ kernels, tune: { store, budgetMs: 0 } });
    for (const layer of model.plan.layers) {
      if (layer.node === node) expect(layer.chosen).toBe('general');
      else if (layer.key === key) expect(layer.chosen).toBe(other);
      else expect(layer.chosen).toMatch(/^direct /);
    }
    model.dispose();
  });

  it('is not overruled by tuning, which leaves decided layers alone', async () => {
    const create = vi.spyOn(GpuLayerTimer, 'create');
    const model = await load({ kernels: { prefer: 'general' }, tune: { store: false } });
    expect(create).not.toHaveBeenCalled();
    model.dispose();
  });

  it('is told what there is where there is no such kernel or layer', async () => {
    const wrong = [
      [{ prefer: 'steam' }, /no kernel of .* begins with "steam": there are ".*"general"/],
      [{ pins: { nowhere: 'general' } }, /pins names "nowhere", no layer of .*: there are ".*" and \d+ more/],
    ] as const;
    for (const [kernels, message] of wrong) {
      const loading = load({ kernels });
      await expect(loading).rejects.toThrow(message);
      await expect(loading).rejects.toThrow(InvalidArgumentError);
    }
    const { node } = (await tunedOnce()).model.plan.layers[0];
    const pinning = load({ kernels: { pins: { [node]: 'depthwise 9' } } });
    await expect(pinning).rejects.toThrow(/has no kernel "depthwise 9": there are ".*"general"/);
  });
});
