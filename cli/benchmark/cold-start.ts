import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, type ModelInput, type Precision } from '../../node.ts';

/** `model`: tensors in and out; `detector`: a picture to boxes; `onnxruntime`: the rival, tensors in and out. */
export type ColdStartEngine = 'model' | 'detector' | 'onnxruntime';

export interface ColdStartJob {
  readonly engine: ColdStartEngine;
  readonly file: string;
  readonly weights?: string;
  readonly precision?: Precision;
  readonly inputSize?: number;
  readonly batch?: number;
  readonly adapter?: string;
  /** What the network takes. */
  readonly inputs: readonly ModelInput[];
}

export type ColdStartReply = { readonly milliseconds: number } | { readonly failure: string };

/** Drivers keep compiled shaders on disk, which would make a first run a second one: Mesa's and NVIDIA's caches, off. */
const NO_SHADER_CACHE = { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' };

/** Beside the module that this one is built into: cold-start-process.ts. */
const PROCESS = fileURLToPath(new URL('./cold-start.js', import.meta.url));

/**
 * Milliseconds from a model's bytes in memory to the first result, in a process of its own that has not loaded the engine
 * yet: importing it, its native library, device, parsing, compiling, uploading and one run.
 * @param program what the process runs: it is sent the job and sends a `ColdStartReply`
 * @throws InvalidArgumentError where the engine fails
 */
export async function coldStart(job: ColdStartJob, program = PROCESS): Promise<number> {
  const reply = await ask(job, program);
  if ('milliseconds' in reply) return reply.milliseconds;
  throw new InvalidArgumentError(`${job.file} does not start with ${job.engine}: ${reply.failure}`);
}

function ask(job: ColdStartJob, program: string): Promise<ColdStartReply> {
  return new Promise((resolve) => {
    const child = fork(program, [], {
      env: { ...process.env, ...NO_SHADER_CACHE },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    child.once('message', (reply: ColdStartReply) => resolve(reply));
    child.once('error', (error) => resolve({ failure: error.message }));
    // A message that was sent arrives before the channel closes; the process may be gone by then.
    Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([[code, signal]]) => {
      resolve({ failure: `its process ended with ${signal ?? code}: ${said.trim().split('\n').at(-1)}` });
    });
    child.send(job);
  });
}
