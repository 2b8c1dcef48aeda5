import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { separateOutputs, tinyDetector } from '../models/tiny-detectors.ts';
import { onelook, temporaryFolder } from '../support/cli.ts';
import { writeOnnx } from '../support/onnx-writer.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const MODEL = at('tiny.onnx');
const TABLE = at('table.json');
const inspect = (...args: string[]) => onelook(['inspect', MODEL, ...args], { env: { XDG_CACHE_HOME: at('cache') } });

beforeAll(() => {
  const weights = {
    name: 'weights',
    type: 'float32',
    dims: [8, 3, 3, 3],
    data: new Float32Array(8 * 27).fill(0.1),
  } as const;
  const base = separateOutputs(3);
  const model = tinyDetector({
    ...base,
    nodes: [...base.nodes, { operator: 'Conv', name: 'edge', inputs: ['image', 'weights'], outputs: ['map'] }],
    initializers: [...(base.initializers ?? []), weights],
    outputs: ['boxes', 'scores', 'map'],
  });
  writeFileSync(MODEL, writeOnnx(model));
});

describe('onelook inspect --tune', () => {
  it('prints each layer with the times of its kernels, and remembers them', async () => {
    const { status, stdout, stderr } = await inspect('--tune', '60000');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\nKernels timed on .+: \d+ layers?\n(conv2d .+\n( {4}| {2}\* )\S.* us.*\n)/);
    expect(stdout).toMatch(/\n {2}\* \S.+ \d+\.\d us\n/);
    expect(readdirSync(at('cache/onelook'))).toEqual([expect.stringMatching(/^tuning-.+\.json$/)]);
  });

  it('writes the table that is named, and uses it without --tune', async () => {
    const made = await inspect('--tune', '60000', '--tuning-table', TABLE, '--json');
    expect(made.stderr).toBe('');
    const { tuning } = JSON.parse(made.stdout);
    const file = JSON.parse(readFileSync(TABLE, 'utf8'));
    expect(file).toEqual(tuning);
    for (const layer of Object.values<{ winner: string }>(file.layers)) layer.winner = 'general';
    writeFileSync(TABLE, JSON.stringify(file));
    const used = await inspect('--tuning-table', TABLE, '--json');
    const { steps } = JSON.parse(used.stdout) as { steps: { operator: string; kernel: string }[] };
    for (const { kernel } of steps.filter(({ operator }) => operator === 'conv2d')) expect(kernel).toMatch(/general/);
  });

  it('says in a line which table it ignores', async () => {
    writeFileSync(at('other.json'), '{}');
    const { status, stderr } = await inspect('--tuning-table', at('other.json'));
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^onelook: the tuning table .+other\.json is ignored: it is no tuning table.*\n$/),
    });
  });

  it('refuses what it can not take', async () => {
    const [time, missing, kernel] = await Promise.all([
      inspect('--tune', 'soon'),
      inspect('--tuning-table', at('missing.json')),
      inspect('--kernel', 'steam'),
    ]);
    expect(time).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/--tune \[ms\]'.*must be a number of milli/),
    });
    expect(missing).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/missing\.json: make it with --tune\n$/),
    });
    expect(kernel).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/begins with "steam": there .*"general"/),
    });
    expect(existsSync(at('missing.json'))).toBe(false);
  });
});

describe('onelook inspect --kernel', () => {
  it('runs convolutions with the kernels of a family', async () => {
    const { stdout } = await inspect('--kernel', 'general', '--json');
    const { steps, tuning } = JSON.parse(stdout) as { steps: { operator: string; kernel: string }[]; tuning?: unknown };
    for (const { kernel } of steps.filter(({ operator }) => operator === 'conv2d')) expect(kernel).toMatch(/general/);
    expect(tuning).toBeUndefined();
  });
});
