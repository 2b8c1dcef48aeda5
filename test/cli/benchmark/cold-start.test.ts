import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ColdStartJob, coldStart } from '../../../cli/benchmark/cold-start.ts';
import { InvalidArgumentError } from '../../../node.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();
const job: ColdStartJob = { engine: 'model', file: 'network.onnx', inputs: [] };

function program(name: string, onJob: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `process.once('message', (job) => { ${onJob} });`);
  return file;
}

describe('coldStart', () => {
  it('sends the job to a process without shader caches, and takes its time', async () => {
    const cached = 'Number(process.env.MESA_SHADER_CACHE_DISABLE !== "true")';
    const reply = `{ milliseconds: job.file.length + 100 * ${cached} }`;
    const sends = program('sends', `process.send(${reply}, () => process.exit())`);
    expect(await coldStart(job, sends)).toBe('network.onnx'.length);
  });

  it('says what failed', async () => {
    const refuses = program('refuses', `process.send({ failure: 'no such operator' }, () => process.exit())`);
    await expect(coldStart(job, refuses)).rejects.toThrow(InvalidArgumentError);
    await expect(coldStart(job, refuses)).rejects.toThrow(
      /^network\.onnx does not start with model: no such operator$/,
    );
  });

  it('survives a process that ends without a word', async () => {
    const ends = program('ends', `console.error('out of memory'); process.exit(3);`);
    await expect(coldStart(job, ends)).rejects.toThrow(/its process ended with 3: out of memory$/);
  });
});
