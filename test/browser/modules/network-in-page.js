import * as onelook from '/dist/onelook.js';
import { runNetwork } from './network-run.js';

/**
 * @param {string} model URL
 * @param {string} pixels URL of RGB bytes
 * @param {number} width
 * @param {number} height
 */
export async function run(model, pixels, width, height) {
  const device = await onelook.acquireDevice(navigator.gpu);
  const result = await runNetwork(onelook, device, model, { data: await bytesOf(pixels), width, height });
  onelook.releaseDevice(device);
  return result;
}

/**
 * @param {string} tracer URL of the bundled test/support/trace.ts
 * @param {string} model URL
 * @param {string} pixels URL
 * @param {number} [nodes]
 */
export async function trace(tracer, model, pixels, nodes) {
  const { traceNetwork } = await import(tracer);
  const device = await onelook.acquireDevice(navigator.gpu);
  const traced = await traceNetwork(await bytesOf(model), model, await bytesOf(pixels), device, nodes);
  onelook.releaseDevice(device);
  return traced;
}

/** @param {string} url */
async function bytesOf(url) {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}
