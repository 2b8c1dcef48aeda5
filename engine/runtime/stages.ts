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
  const { device, features } = engineDevice;
  const clock = features.timestamps ? new PassClock(device, 1) : undefined;
  const runs: Required<RunStages>[] = [];
  const patience = new Patience(engineDevice);
  for (let run = 0; run <= repeats; run++) {
    const started = performance.now();
    parts.upload();
    const uploaded = performance.now();
    const encoder = device.createCommandEncoder();
    parts.record(encoder, clock?.timestampWrites(0));
    clock?.resolve(encoder);
    device.queue.submit([encoder.finish()]);
    const submitted = performance.now();
    const waiting = patience.submitted();
    await waiting.nearlyDue;
    await parts.download();
    waiting.finished();
    const finished = performance.now();
    const gpuMs = clock ? (await clock.read())[0] / 1e6 : 0;
    const waitedMs = finished - submitted;
    runs.push({
      uploadMs: uploaded - started,
      encodeMs: submitted - uploaded,
      gpuMs,
      readbackMs: Math.max(0, waitedMs - gpuMs),
      totalMs: finished - started,
    });
  }
  clock?.dispose();
  const middle = (stage: keyof RunStages) => median(runs.slice(1).map((times) => times[stage]));
  return {
    uploadMs: middle('uploadMs'),
    encodeMs: middle('encodeMs'),
    ...(clock && { gpuMs: middle('gpuMs') }),
    readbackMs: middle('readbackMs'),
    totalMs: middle('totalMs'),
  };
}
