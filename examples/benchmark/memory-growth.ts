import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ModelInput } from '../../node.ts';

export interface MemoryJob {
  readonly engine: 'onelook' | 'onnxruntime';
  readonly file: string;
  /** What the network takes. */
  readonly inputs: readonly ModelInput[];
}

/** By how much a process grew over one that has run a network of one Relu on the same engine. All in bytes. */
export interface MemoryGrowth {
  /** Resident memory after a few runs. */
  readonly resident: number;
  /** The most that was resident at any time, from the first byte of the file on. */
  readonly peak: number;
  /** For our own engine: what the plan says of its GPU memory. */
  readonly planned?: { readonly weights: number; readonly activations: number; readonly lowerBound: number };
}

export type MemoryReply = MemoryGrowth | { readonly failure: string };

/** Beside the module that this one is bundled into. */
const PROCESS = fileURLToPath(new URL('./memory-growth-process.js', import.meta.url));

/**
 * What loading and running a network adds to a process of its own, in which the engine, its device and its native library
 * are there already. Where the processor does the GPU's work, GPU memory is the process's; on a graphics card it is not,
 * and the growth is that of the host only.
 * @throws Error where the engine fails
 */
export async function measureGrowth(job: MemoryJob): Promise<MemoryGrowth> {
  const reply = await new Promise<MemoryReply>((resolve) => {
    // The collector is asked for, so that what is garbage doesn't count.
    const child = fork(PROCESS, [], { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    child.once('message', (message: MemoryReply) => resolve(message));
    child.once('error', ({ message }) => resolve({ failure: message }));
    child.once('exit', (code, signal) => resolve({ failure: `its process ended with ${signal ?? code}` }));
    child.send(job);
  });
  if ('failure' in reply) throw new Error(`${job.engine} does not run ${job.file}: ${reply.failure}`);
  return reply;
}
