import { acquireDevice } from '/dist/onelook.js';
import { affine } from './affine.js';

/** @param {readonly number[]} values */
export async function run(values) {
  const { device, adapter, features } = await acquireDevice(navigator.gpu);
  return { adapter, features, values: await affine(device, values) };
}
