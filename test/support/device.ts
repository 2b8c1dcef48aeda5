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
