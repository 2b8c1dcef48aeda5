import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as onelook from '../../../dist/node.js';
import { runNetwork } from './network-run.js';

// "run MODEL PIXELS WIDTH HEIGHT" or "trace TRACER MODEL PIXELS [NODES]", files all of them; see network-in-page.js.
const [what, ...parameters] = process.argv.slice(2);
const device = await onelook.requestNodeDevice();
process.stdout.write(JSON.stringify(await (what === 'run' ? run(...parameters) : trace(...parameters))));

/**
 * @param {string} model
 * @param {string} pixels
 * @param {string} width
 * @param {string} height
 */
function run(model, pixels, width, height) {
  const image = { data: readFileSync(pixels), width: Number(width), height: Number(height) };
  return runNetwork(onelook, device, model, image);
}

/**
 * @param {string} tracer
 * @param {string} model
 * @param {string} pixels
 * @param {string} [nodes]
 */
async function trace(tracer, model, pixels, nodes) {
  const { traceNetwork } = await import(pathToFileURL(tracer).href);
  return traceNetwork(readFileSync(model), model, readFileSync(pixels), device, nodes && Number(nodes));
}
