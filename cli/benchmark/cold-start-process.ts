/**
 * A process that starts an engine once and says how long it took: see `coldStart`. The engine's modules are imported while
 * the clock runs, so nothing here may import them before.
 */
import { readFile } from 'node:fs/promises';
import { createRival } from '../support/rival.ts';
import type { ColdStartJob, ColdStartReply } from './cold-start.ts';
import { makeInputs } from './inputs.ts';

process.once('message', async (job: ColdStartJob) => {
  reply(
    await start(job).catch((error: unknown) => ({ failure: String(error instanceof Error ? error.message : error) })),
  );
});

async function start(job: ColdStartJob): Promise<ColdStartReply> {
  const bytes = new Uint8Array(await readFile(job.file));
  const run = prepare(job, bytes);
  const started = performance.now();
  await run();
  return { milliseconds: performance.now() - started };
}

/** Makes what an application would have at hand, and returns what is timed. */
function prepare({ engine, file, inputs, adapter, ...job }: ColdStartJob, bytes: Uint8Array<ArrayBuffer>) {
  const options = { precision: job.precision, weights: job.weights, inputSize: job.inputSize };
  // The name goes with the bytes, for messages.
  const source = new File([bytes], file);
  if (engine === 'detector') {
    const picture = {
      data: new Uint8Array(640 * 480 * 3).map((_, index) => (index * 37) % 256),
      width: 640,
      height: 480,
    };
    return async () => {
      const { Detector, requestNodeDevice } = await import('../../node.ts');
      const device = await requestNodeDevice({ adapter });
      await (await Detector.load(source, { ...options, device })).detect(picture);
    };
  }
  const tensors = makeInputs(inputs);
  if (engine === 'onnxruntime') return async () => (await createRival(bytes, inputs, tensors)).run();
  return async () => {
    const { loadModel, requestNodeDevice } = await import('../../node.ts');
    const device = await requestNodeDevice({ adapter });
    await (await loadModel(source, { ...options, device, batch: job.batch })).run(tensors);
  };
}

function reply(message: ColdStartReply): void {
  // What the engine still holds goes with the process.
  process.send?.(message, () => process.exit());
}
