import { expect, it } from 'vitest';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { TextureUsage } from '../../engine/runtime/webgpu-flags.ts';
import { Detector } from '../../engine/vision/detector.ts';
import { colourDetector, painted } from '../support/colour-detector.ts';
import { testDevice } from '../support/device.ts';

/** A device that counts what is created by it, by method. */
function countingDevice(engineDevice: EngineDevice): { device: EngineDevice; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const device = new Proxy(engineDevice.device, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]) => {
        const name = String(property);
        if (/^(create|import)/.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
        return value.apply(target, parameters);
      };
    },
  });
  return { device: { ...engineDevice, device }, counts };
}

it('creates nothing for a batch but its command encoder', async () => {
  const { device, counts } = countingDevice(await testDevice());
  const detector = await Detector.create(colourDetector(), { device });
  expect(counts.get('createBuffer')).toBeGreaterThan(3);
  const texture = device.device.createTexture({
    format: 'rgba8unorm',
    size: [50, 40],
    usage: TextureUsage.textureBinding,
  });
  const largest = painted(300, 200, [{ box: [0, 0, 100, 100], colour: 'red' }]);
  const images = [largest, painted(64, 64, []), painted(199, 300, []), painted(1, 1, []), texture];
  const frames = async () => {
    await detector.detect(images);
    await detector.detect(images, { multiLabel: true, scoreThreshold: 0.1, maxDetections: 7 });
    for (const image of images) await detector.detect(image);
  };
  await frames();
  counts.clear();
  await frames();
  await frames();
  // Two batches, and every image by itself.
  expect(Object.fromEntries(counts)).toEqual({ createCommandEncoder: 2 * (2 + images.length) });
  detector.dispose();
});

it('creates nothing for an image of a stream but its command encoder', async () => {
  const { device, counts } = countingDevice(await testDevice());
  const detector = await Detector.create(colourDetector(), { device });
  const images = [painted(300, 200, []), painted(64, 64, []), painted(199, 300, [])];
  const stream = async () => {
    let seen = 0;
    for await (const { index } of detector.detectStream([...images, ...images, ...images])) {
      expect(index).toBe(seen++);
    }
    return seen;
  };
  await stream();
  counts.clear();
  expect((await stream()) + (await stream())).toBe(2 * 3 * images.length);
  expect(Object.fromEntries(counts)).toEqual({ createCommandEncoder: 2 * 3 * images.length });
  detector.dispose();
});
