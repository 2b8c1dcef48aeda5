import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Detection, Detector, type EngineDevice, readImage } from '../../node.ts';
import { testDevice } from '../support/device.ts';
import { sharedPath } from '../support/shared.ts';

/**
 * A device with no more than every WebGPU device has: bindings of 128 MiB, 16 KiB of workgroup memory, 256 invocations, 8
 * storage buffers, and no optional feature. What WebGPU refuses there fails the test, see `testDevice`.
 */
const core = () => testDevice({ limits: 'core', without: ['float16', 'subgroups', 'timestamps'] });

const scene = fileURLToPath(new URL('../../examples/images/scene-1.jpg', import.meta.url));
const models = sharedPath('models');
const photograph = sharedPath('images', 'photos', 'dog.jpg');

async function detect(device: EngineDevice, model: string | undefined, picture: string): Promise<Detection[]> {
  const detector = await Detector.load(model, { device, precision: 'float32' });
  const { detections } = await detector.detect(await readImage(picture), { scoreThreshold: 0.3 });
  detector.dispose();
  return detections;
}

/** Both devices find the same, but for what kernels that sum in another order may change. */
async function expectSame(model: string | undefined, picture: string): Promise<void> {
  const expected = await detect(await testDevice(), model, picture);
  const found = await detect(await core(), model, picture);
  expect(expected.length).toBeGreaterThan(0);
  expect(found.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
  for (const [index, { box, score }] of found.entries()) {
    expect(Math.abs(score - expected[index].score)).toBeLessThan(1e-3);
    for (const [side, pixel] of box.entries()) expect(Math.abs(pixel - expected[index].box[side])).toBeLessThan(0.1);
  }
}

describe('a device with the core limits and no feature', () => {
  it('has them', async () => {
    const { limits, features } = await core();
    expect(limits).toMatchObject({
      maxStorageBufferBindingSize: 2 ** 27,
      maxComputeWorkgroupStorageSize: 2 ** 14,
      maxComputeInvocationsPerWorkgroup: 256,
      maxStorageBuffersPerShaderStage: 8,
    });
    expect(features).toEqual({ float16: false, subgroups: false, subgroupMatrices: false, timestamps: false });
  });

  it('runs the embedded network', () => expectSame(undefined, scene));
});

describe.skipIf(!models || !photograph)('a device with the core limits (needs ../shared/models and images)', () => {
  it.each(['yolox-nano', 'yolov5n-fp16', 'yolov8n', 'yolov10n', 'yolo11n', 'yolo26n'])('runs %s', (name) =>
    expectSame(`${models}/${name}.onnx`, photograph ?? ''),
  );
});
