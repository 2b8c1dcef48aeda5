/** A process that runs a network on one engine and says by how much it grew: see `measureGrowth`. */
import { readFile } from 'node:fs/promises';
import { createRival } from '../../cli/support/rival.ts';
import { loadModel, type ModelInput, type RawTensor, requestNodeDevice } from '../../node.ts';
import type { MemoryGrowth, MemoryJob, MemoryReply } from './memory-growth.ts';

/** An ONNX file of one Relu on [1, 4]: what is allocated for it, every network needs. */
const RELU = Buffer.from(
  'CAgSDW9uZWxvb2sgdGVzdHM6PgoMCgF4EgF5IgRSZWx1EgR0ZXN0WhMKAXgSDgoMCAESCAoCCAEKAggEYhMKAXkSDgoMCAESCAoCCAEKAggEQgQKABAR',
  'base64',
);
const RELU_INPUTS: readonly ModelInput[] = [{ name: 'x', type: 'float32', dims: [1, 4] }];

const RUNS = 3;

process.once('message', async ({ engine, file, inputs }: MemoryJob) => {
  const run = engine === 'onelook' ? await ours() : runRival;
  const measured = measure(run, file, inputs);
  reply(
    await measured.catch((error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) })),
  );
});

type Run = (bytes: Uint8Array<ArrayBuffer>, inputs: readonly ModelInput[]) => Promise<MemoryGrowth['planned']>;

async function measure(run: Run, file: string, inputs: readonly ModelInput[]): Promise<MemoryGrowth> {
  await run(new Uint8Array(RELU), RELU_INPUTS);
  const before = residentBytes();
  const planned = await run(new Uint8Array(await readFile(file)), inputs);
  const resident = residentBytes() - before;
  const peak = process.resourceUsage().maxRSS * 1024 - before;
  return { resident, peak, ...(planned && { planned }) };
}

async function ours(): Promise<Run> {
  const device = await requestNodeDevice();
  return async (bytes, inputs) => {
    const model = await loadModel(bytes, { device, precision: 'float32' });
    const tensors = makeInputs(inputs);
    for (let count = 0; count < RUNS; count++) await model.run(tensors);
    return model.plan.memory;
  };
}

async function runRival(bytes: Uint8Array<ArrayBuffer>, inputs: readonly ModelInput[]): Promise<undefined> {
  const rival = await createRival(bytes, inputs, makeInputs(inputs));
  for (let count = 0; count < RUNS; count++) await rival.run();
}

function makeInputs(inputs: readonly ModelInput[]): Record<string, RawTensor> {
  const zeros = (dims: readonly number[]) => new Float32Array(dims.reduce((product, size) => product * size, 1));
  return Object.fromEntries(inputs.map(({ name, dims }) => [name, { type: 'float32', dims, data: zeros(dims) }]));
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function reply(message: MemoryReply): void {
  // What the engine still holds goes with the process.
  process.send?.(message, () => process.exit());
}
