import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  Detector,
  InvalidArgumentError,
  type LoadProgress,
  ModelFormatError,
  ModelReadError,
  readImage,
} from '../../node.ts';
import { testDevice } from '../support/device.ts';

const EMBEDDED = fileURLToPath(new URL('../../models/embedded/onelook-shapes.safetensors', import.meta.url));
const SCENE = fileURLToPath(new URL('../../examples/images/scene-1.jpg', import.meta.url));

describe('Detector.load', () => {
  it('takes nothing, a path, a URL, bytes, a buffer and a blob for the same network', async () => {
    const device = await testDevice();
    const bytes = await readFile(EMBEDDED);
    const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const image = await readImage(SCENE);
    const results = [];
    for (const source of [undefined, EMBEDDED, new URL(`file://${EMBEDDED}`), bytes, whole, new Blob([bytes])]) {
      const detector = await Detector.load(source, { device });
      const { detections } = await detector.detect(image);
      results.push(detections);
      detector.dispose();
    }
    expect(results[0].length).toBeGreaterThan(0);
    for (const detections of results) expect(detections).toEqual(results[0]);
  });

  it('requests a device of its own, and destroys it in the end', async () => {
    const detector = await Detector.load();
    expect(detector.adapter.name).not.toBe('');
    const { detections } = await detector.detect(await readImage(SCENE));
    expect(detections.length).toBeGreaterThan(0);
    detector.dispose();
  });

  it('takes the caller as right about labels and preprocessing', async () => {
    const device = await testDevice();
    const plain = await Detector.load(EMBEDDED, { device });
    const labels = plain.labels.map((label) => label.toUpperCase());
    const changed = await Detector.load(EMBEDDED, {
      device,
      labels,
      contract: { input: { align: 'topLeft' }, defaults: { maxDetections: 1 } },
    });
    expect(changed.contract.input).toEqual({ ...plain.contract.input, align: 'topLeft' });
    const { detections } = await changed.detect(await readImage(SCENE));
    expect(detections.length).toBe(1);
    expect(labels).toContain(detections[0].label);
    plain.dispose();
    changed.dispose();
  });

  it('tells how far it is', async () => {
    const progress: LoadProgress[] = [];
    const detector = await Detector.load(EMBEDDED, {
      device: await testDevice(),
      onProgress: (step) => progress.push(step),
    });
    detector.dispose();
    for (const stage of ['read', 'compile']) {
      const steps = progress.filter((step) => step.stage === stage);
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.at(-1)?.done).toBe(steps.at(-1)?.total);
      const done = steps.map((step) => step.done);
      expect(done).toEqual([...done].sort((a, b) => a - b));
    }
  });

  it('says what is wrong', async () => {
    const device = await testDevice();
    await expect(Detector.load('/nowhere/model.onnx', { device })).rejects.toThrow(ModelReadError);
    await expect(Detector.load(new Uint8Array(100), { device })).rejects.toThrow(ModelFormatError);
    await expect(Detector.load(SCENE, { device })).rejects.toThrow(ModelFormatError);
    await expect(Detector.load(EMBEDDED, { device, weights: EMBEDDED })).rejects.toThrow(
      /leave out the option weights/,
    );
    await expect(Detector.load(EMBEDDED, { device, tune: { budgetMs: -1 } })).rejects.toThrow(InvalidArgumentError);
    await expect(Detector.load(EMBEDDED, { device, inputSize: 100 })).rejects.toThrow(InvalidArgumentError);
    await expect(Detector.load(EMBEDDED, { device, labels: ['one'] })).rejects.toThrow(InvalidArgumentError);
    await expect(Detector.load(EMBEDDED, { device, disablePasses: ['nonsense'] })).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  it('can be cancelled', async () => {
    const device = await testDevice();
    await expect(Detector.load(EMBEDDED, { device, signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
    const controller = new AbortController();
    const loading = Detector.load(EMBEDDED, {
      device,
      signal: controller.signal,
      onProgress: ({ stage }) => stage === 'compile' && controller.abort(),
    });
    await expect(loading).rejects.toThrow(AbortError);
  });
});
