import { afterEach, expect } from 'vitest';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { type NodeDeviceOptions, requestNodeDevice } from '../../engine/runtime/node-device.ts';

const devices = new Map<string, Promise<EngineDevice>>();
const uncaptured: string[] = [];

afterEach(() => {
  expect(uncaptured.splice(0), 'errors that WebGPU reported to no one').toEqual([]);
});

/**
 * The device of the test file, created once for each set of options. A test fails when the device reported an error that
 * nothing captured. Without an adapter the tests fail, saying what to install: they don't skip.
 */
export function testDevice(options: NodeDeviceOptions = {}): Promise<EngineDevice> {
  const key = JSON.stringify(options);
  const known = devices.get(key);
  if (known) return known;
  const created = createDevice(options);
  devices.set(key, created);
  return created;
}

async function createDevice(options: NodeDeviceOptions): Promise<EngineDevice> {
  const engineDevice = await requestNodeDevice(options);
  engineDevice.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    uncaptured.push(event.error.message);
  });
  return engineDevice;
}

let nullBackend: Promise<{ gpu: GPU; device: GPUDevice }> | undefined;

/** A device of Dawn that has every feature and runs nothing: it validates what no adapter here can run. */
export async function nullDevice(): Promise<GPUDevice> {
  nullBackend ??= createNullDevice();
  return (await nullBackend).device;
}

async function createNullDevice(): Promise<{ gpu: GPU; device: GPUDevice }> {
  const { create } = await import('webgpu');
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('Dawn has no null backend here');
  const features = ['chromium-experimental-subgroup-matrix', 'subgroups', 'shader-f16'] as GPUFeatureName[];
  // The object that create() returned must live as long as anything made from it, or Dawn crashes.
  return { gpu, device: await adapter.requestDevice({ requiredFeatures: features }) };
}
