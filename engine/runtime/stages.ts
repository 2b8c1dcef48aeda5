import type { EngineDevice } from './device.ts';
import { Patience } from './patience.ts';
import { median, PassClock } from './timing.ts';

/** What the stages of a run take, in milliseconds. */
export interface RunStages {
  /** Handing the inputs to WebGPU. */
  readonly uploadMs: number;
  /** Recording and submitting the commands. */
  readonly encodeMs: number;
  /** From the first dispatch to the last. Absent where the device has no timestamp queries. */
  readonly gpuMs?: number;
  /** What remains until the outputs are in memory: copies, waiting, and without timestamps the GPU's work. */
  readonly readbackMs: number;
  /** From the call to the outputs. */
  readonly totalMs: number;
}

/** A run in parts. */
export interface RunParts {
  upload(): void;
  /** Encodes everything that the GPU has to do: one compute pass, and the copies after it. */
  record(encoder: GPUCommandEncoder, timestampWrites?: GPUComputePassTimestampWrites): void;
  /** Waits for what was submitted, and reads the outputs. */
  download(): Promise<unknown>;
}

/** Runs once untimed, then `repeats` times; the median of each stage. */
export async function timeStages(engineDevice: EngineDevice, parts: RunParts, repeats: number): Promise<RunStages> {
  const clock = engineDevice.features.timestamps ? new PassClock(engineDevice.device, 1) : undefined;
  const patience = new Patience(engineDevice);
  const runs: Required<RunStages>[] = [];
  try {
    for (let run = 0; run <= repeats; run++) runs.push(await timeRun(engineDevice.device, parts, clock, patience));
  } finally {
    clock?.dispose();
  }
  const middle = (stage: keyof RunStages) => median(runs.slice(1).map((times) => times[stage]));
  return {
    uploadMs: middle('uploadMs'),
    encodeMs: middle('encodeMs'),
    ...(clock && { gpuMs: middle('gpuMs') }),
    readbackMs: middle('readbackMs'),
    totalMs: middle('totalMs'),
  };
}

/** Without a clock the GPU's time is 0. */
async function timeRun(
  device: GPUDevice,
  parts: RunParts,
  clock: PassClock | undefined,
  patience: Patience,
): Promise<Required<RunStages>> {
  const started = performance.now();
  parts.upload();
  const uploaded = performance.now();
  const encoder = device.createCommandEncoder();
  parts.record(encoder, clock?.timestampWrites(0));
  clock?.resolve(encoder);
  device.queue.submit([encoder.finish()]);
  const submitted = performance.now();
  await patience.wait(() => parts.download());
  const finished = performance.now();
  const gpuMs = clock ? (await clock.read())[0] / 1e6 : 0;
  return {
    uploadMs: uploaded - started,
    encodeMs: submitted - uploaded,
    gpuMs,
    readbackMs: Math.max(0, finished - submitted - gpuMs),
    totalMs: finished - started,
  };
}
