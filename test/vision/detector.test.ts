import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AbortError,
  DeviceLostError,
  InvalidArgumentError,
  InvalidImageError,
  UnsupportedModelError,
} from '../../engine/errors.ts';
import { requestNodeDevice } from '../../engine/runtime/node-device.ts';
import { TextureUsage } from '../../engine/runtime/webgpu-flags.ts';
import { Detector, type DetectorOptions } from '../../engine/vision/detector.ts';
import { colourDetector, type Patch, painted, patchesOf } from '../support/colour-detector.ts';
import { testDevice } from '../support/device.ts';

/** An image twice the size of the input, with a green patch where cell number `cell` sees it. */
function numbered(cell: number): { image: ReturnType<typeof painted>; patches: Patch[] } {
  const [x, y] = [16 * (cell % 8), 16 * Math.floor(cell / 8)];
  const patches: Patch[] = [{ box: [x, y, x + 16, y + 16], colour: 'green' }];
  return { image: painted(128, 128, patches), patches };
}

async function load(options: DetectorOptions = {}): Promise<Detector> {
  return Detector.create(colourDetector(), { device: await testDevice(), ...options });
}

describe('Detector', () => {
  let detector: Detector;
  beforeAll(async () => {
    detector = await load();
  });
  afterAll(() => detector.dispose());

  it('gives boxes in pixels of the image, with labels, best first', async () => {
    const patches: Patch[] = [
      { box: [32, 0, 64, 32], colour: 'red' },
      { box: [224, 96, 256, 128], colour: 'blue' },
    ];
    // 256 x 128 fits the 64 x 64 input at a quarter, with 16 rows of padding above and below.
    const image = painted(256, 128, patches);
    const result = await detector.detect(image);
    expect(patchesOf(result)).toEqual(patches);
    expect(result.detections.map(({ classId, score }) => [classId, score])).toEqual([
      [0, 1],
      [2, 1],
    ]);
    expect(result).toMatchObject({ width: 256, height: 128, adapter: detector.adapter });
    for (const time of Object.values(result.timings)) expect(time).toBeGreaterThanOrEqual(0);
    expect(Object.keys(result.timings)).toEqual(['upload', 'encode', 'readback', 'total']);
  });

  it('leaves out what lies in the padding, and clips what reaches into it', async () => {
    // Padding scores 51 / 255 = 0.2 in every colour. 60 rows make the lowest cells half padding.
    const image = painted(64, 60, [{ box: [0, 0, 8, 60], colour: 'red' }]);
    const boxes = patchesOf(await detector.detect(image, { scoreThreshold: 0.15 })).map(({ box }) => box);
    expect(boxes).toContainEqual([0, 54, 8, 60]);
    for (const [, y1, , y2] of boxes) {
      expect(y1).toBeGreaterThanOrEqual(0);
      expect(y2).toBeLessThanOrEqual(60);
    }
    const wide = painted(640, 64, []);
    expect(patchesOf(await detector.detect(wide, { scoreThreshold: 0.15 }))).toEqual([]);
  });

  it('takes RGB, RGBA and textures alike', async () => {
    const { image, patches } = numbered(27);
    const rgba = new Uint8ClampedArray(128 * 128 * 4).map((_, i) =>
      i % 4 === 3 ? 9 : image.data[(i >> 2) * 3 + (i % 4)],
    );
    const { device } = await testDevice();
    const usage = TextureUsage.textureBinding | TextureUsage.copyDestination;
    const texture = device.createTexture({ format: 'rgba8unorm', size: [128, 128], usage });
    device.queue.writeTexture({ texture }, rgba, { bytesPerRow: 512 }, [128, 128]);
    const results = await detector.detect([image, { data: rgba, width: 128, height: 128 }, texture]);
    expect(results.map(patchesOf)).toEqual([patches, patches, patches]);
  });

  it('finds nothing in a black pixel', async () => {
    expect((await detector.detect(painted(1, 1, []))).detections).toEqual([]);
  });

  it('takes a very wide image', async () => {
    const result = await detector.detect(painted(20_000, 20, [{ box: [0, 0, 20_000, 20], colour: 'red' }]));
    for (const { box } of result.detections) expect(box.every(Number.isFinite)).toBe(true);
  });

  it('honours its options', async () => {
    const patches: Patch[] = [0, 1, 2, 3].map((i) => ({ box: [8 * i, 0, 8 * i + 8, 8], colour: 'red' }));
    const image = painted(64, 64, patches);
    expect(patchesOf(await detector.detect(image, { maxDetections: 2 }))).toEqual(patches.slice(0, 2));
    expect((await detector.detect(image, { scoreThreshold: 1 })).detections).toEqual([]);
    const undefinedOptions = { scoreThreshold: undefined, iouThreshold: undefined, maxDetections: undefined };
    expect(patchesOf(await detector.detect(image, undefinedOptions))).toEqual(patches);
  });

  it('gives an anchor its best class, or with multiLabel each of them', async () => {
    const image = painted(64, 64, []);
    image.data.set([255, 204, 0], 0);
    for (let i = 0; i < 8 * 8; i++) image.data.set([255, 204, 0], ((i >> 3) * 64 + (i % 8)) * 3);
    const labels = async (options: object) =>
      (await detector.detect(image, options)).detections.map(({ label, score }) => [label, Number(score.toFixed(4))]);
    expect(await labels({})).toEqual([['red', 1]]);
    expect(await labels({ multiLabel: true })).toEqual([
      ['red', 1],
      ['green', 0.8],
    ]);
    expect(await labels({ multiLabel: true, classAgnostic: true })).toEqual([['red', 1]]);
  });

  it('gives each of many concurrent calls its own result', async () => {
    const numbers = Array.from({ length: 40 }, (_, i) => (i * 11) % 64);
    const results = await Promise.all(numbers.map((number) => detector.detect(numbered(number).image)));
    expect(results.map(patchesOf)).toEqual(numbers.map((number) => numbered(number).patches));
    const batch = await detector.detect(numbers.map((number) => numbered(number).image));
    expect(batch.map(patchesOf)).toEqual(results.map(patchesOf));
    expect(await detector.detect([])).toEqual([]);
  });

  it('goes on after a call that failed', async () => {
    const good = numbered(5);
    const outcomes = await Promise.allSettled([
      detector.detect(good.image),
      detector.detect({ data: new Uint8Array(5), width: 2, height: 2 }),
      detector.detect(good.image, { signal: AbortSignal.abort('enough') }),
      detector.detect(good.image),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: expect.any(InvalidImageError) });
    expect(outcomes[2]).toMatchObject({ reason: expect.any(AbortError) });
    expect(patchesOf(await detector.detect(good.image))).toEqual(good.patches);
  });

  it('ends a call whose signal fires while it waits, at once, and the others as ever', async () => {
    const controller = new AbortController();
    const cancelled = Array.from({ length: 6 }, () =>
      detector.detect(numbered(1).image, { signal: controller.signal }),
    );
    const last = detector.detect(numbered(2).image);
    controller.abort();
    const outcomes = await Promise.allSettled(cancelled);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: expect.any(AbortError) });
    expect(patchesOf(await last)).toEqual(numbered(2).patches);
  });

  it('says what WebGPU refuses, instead of the last result', async () => {
    const { device } = await testDevice();
    const texture = device.createTexture({ format: 'rgba8unorm', size: [8, 8], usage: TextureUsage.textureBinding });
    texture.destroy();
    await expect(detector.detect(texture)).rejects.toThrow(InvalidArgumentError);
    expect(patchesOf(await detector.detect(numbered(3).image))).toEqual(numbered(3).patches);
  });

  it.each([
    { scoreThreshold: -0.1 },
    { scoreThreshold: Number.NaN },
    { iouThreshold: 1.5 },
    { maxDetections: 0 },
    { maxDetections: 2.5 },
    { maxDetections: 5000 },
    { augment: true },
  ])('refuses %o', async (options) => {
    await expect(detector.detect(numbered(0).image, options)).rejects.toThrow(InvalidArgumentError);
  });

  it('times the GPU where asked', async () => {
    const timed = await load({ timestamps: true });
    const { timings } = await timed.detect(numbered(0).image);
    expect(timings.gpu).toBeGreaterThanOrEqual(0);
    timed.dispose();
  });

  it('refuses int8', async () => {
    await expect(load({ precision: 'int8' })).rejects.toThrow(UnsupportedModelError);
  });

  it('uses float32 on a software adapter unless told otherwise', async () => {
    const { adapter, features } = await testDevice();
    expect(detector.precision).toBe(adapter.software || !features.float16 ? 'float32' : 'float16');
  });

  it('finds the same with float16', async ({ skip }) => {
    const { features } = await testDevice();
    if (!features.float16) skip('the device has no float16');
    const half = await load({ precision: 'float16' });
    expect(half.precision).toBe('float16');
    expect(patchesOf(await half.detect(numbered(40).image))).toEqual(numbered(40).patches);
    half.dispose();
  });

  it('preprocesses as the contract says', async () => {
    const bgr = await Detector.create(colourDetector({ channelOrder: 'bgr' }), { device: await testDevice() });
    const image = painted(64, 64, [{ box: [0, 0, 8, 8], colour: 'red' }]);
    expect(patchesOf(await bgr.detect(image))).toEqual([{ box: [0, 0, 8, 8], colour: 'blue' }]);
    bgr.dispose();
  });
});

describe('the end of a Detector', () => {
  it('rejects what is under way and what follows', async () => {
    const detector = await load();
    const pending = [0, 1, 2, 3, 4].map((cell) => detector.detect(numbered(cell).image));
    await Promise.resolve();
    detector.dispose();
    detector.dispose();
    for (const outcome of await Promise.allSettled(pending)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AbortError) });
    }
    await expect(detector.detect(numbered(0).image)).rejects.toThrow(/disposed/);
    const { device } = await testDevice();
    expect(await Promise.race([device.lost, 'still there'])).toBe('still there');
  });

  it('rejects with DeviceLostError when the device is lost', async () => {
    const device = await requestNodeDevice();
    const detector = await load({ device });
    await detector.detect(numbered(0).image);
    const pending = [0, 1, 2, 3, 4].map((cell) => detector.detect(numbered(cell).image));
    device.device.destroy();
    for (const outcome of await Promise.allSettled(pending)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(DeviceLostError) });
    }
    await expect(detector.detect(numbered(0).image)).rejects.toThrow(DeviceLostError);
    detector.dispose();
  });
});
