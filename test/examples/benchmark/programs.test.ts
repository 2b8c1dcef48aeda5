import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { passes } from '../../../engine/passes/pipeline.ts';
import { PLAN_SWITCHES } from '../../../engine/plan/options.ts';
import { fromRoot } from '../../../scripts/support/paths.mjs';
import { separateOutputs, tinyDetector } from '../../models/tiny-detectors.ts';
import { temporaryFolder } from '../../support/cli.ts';
import { writeOnnx } from '../../support/onnx-writer.ts';
import { randomFloats } from '../../support/random.ts';

const folder = temporaryFolder();
const detector = join(folder, 'tiny.onnx');
const open = join(folder, 'open.onnx');
const broken = join(folder, 'broken.onnx');

beforeAll(() => {
  writeFileSync(detector, writeOnnx(tinyDetector({ ...separateOutputs(3), outputs: ['boxes', 'scores'] })));
  const weight = { name: 'w', type: 'float32', dims: [4, 3, 1, 1], data: randomFloats(3, 12) } as const;
  const convolution = { operator: 'Conv', inputs: ['image', 'w'], outputs: ['map'] };
  writeFileSync(
    open,
    writeOnnx({
      inputs: [{ name: 'image', type: 'float32', dims: ['N', 3, 8, 8] }],
      outputs: [{ name: 'map', type: 'float32' }],
      initializers: [weight],
      nodes: [convolution],
    }),
  );
  writeFileSync(broken, 'no network');
});

function run(program: string, args: readonly string[]): Promise<{ status: number; stdout: string }> {
  const script = fromRoot('examples/benchmark/run.mjs');
  return new Promise((resolve) => {
    execFile(process.execPath, [script, program, ...args], (error, stdout) => {
      resolve({ status: Number(error?.code ?? 0), stdout });
    });
  });
}

/** Runs a program with two turns, and returns what it wrote as JSON and printed. */
async function measure(program: string, args: readonly string[]) {
  const json = join(folder, `${program}.json`);
  const { status, stdout } = await run(program, [...args, '--runs', '2', '--json', json]);
  return { status, stdout, ...JSON.parse(readFileSync(json, 'utf8')) };
}

describe('the programs of examples/benchmark', () => {
  it('compares networks, and goes on after one that fails', async () => {
    const markdown = join(folder, 'networks.md');
    const { status, stdout, adapter, results, failures } = await measure('networks', [
      ...[broken, detector, '--markdown', markdown],
    ]);
    expect(status).toBe(1);
    expect(failures).toEqual([{ network: 'broken.onnx', reason: expect.stringContaining('broken.onnx') }]);
    expect(results).toHaveLength(1);
    const [{ ratio, firstRatio, firstBoxesMs, rival, ours, gap }] = results;
    expect(ratio).toBeCloseTo(rival.medianMs / ours.medianMs, 9);
    expect([firstRatio, firstBoxesMs].every((value) => value > 0)).toBe(true);
    expect(stdout).toContain(adapter.name);
    expect(stdout).toMatch(/^\| network \| forward pass, ms \| ONNX Runtime, ms \| ratio \(spread\) \|/m);
    expect(stdout).toContain(gap.largest.kernel);
    expect(readFileSync(markdown, 'utf8')).toContain(`\n${stdout.trim()}\n`);
  });

  it('holds the detect call against the forward pass', async () => {
    const { status, results } = await measure('detect', [detector]);
    expect(status).toBe(0);
    const [{ network, ratio, forwardMs, detectMs }] = results;
    expect(network).toBe('tiny.onnx');
    expect(ratio).toBeCloseTo(detectMs / forwardMs, 9);
  });

  it('switches every optimisation off in turn', async () => {
    const { status, stdout, results } = await measure('switches', [detector]);
    expect(status).toBe(0);
    const names = [...passes.filter(({ required }) => !required).map(({ name }) => name), ...PLAN_SWITCHES];
    expect(Object.keys(results[0].cells)).toEqual(names);
    expect(results[0].cells['recognize-softmax']).toEqual({ nothingToDo: true });
    expect(results[0].cells['memory-reuse'].ratio).toBeGreaterThan(0);
    for (const name of names) expect(stdout).toMatch(new RegExp(`^\\| ${name} \\| (-|[\\d.]+ \\(.*\\)) \\|$`, 'm'));
  });

  it('divides the time of a batch by its images', async () => {
    const { status, results } = await measure('batch', [open, '--batch', '2']);
    expect(status).toBe(0);
    expect(results[0].ratio).toBeCloseTo(results[0].singleMs / results[0].batchedMs, 9);
  });

  it('measures on a GPU machine what it can in its time', async () => {
    const options = ['--parts', 'batch 1', '--batch', '2', '--out', folder, '--seconds', '40'];
    const { status } = await run('gpu', [broken, detector, ...options]);
    expect(status).toBe(1);
    const { adapter, parts } = JSON.parse(readFileSync(join(folder, 'gpu.json'), 'utf8'));
    expect(parts.map(({ title }: { title: string }) => title)).toEqual(['float32, batch 1', 'float16, batch 1']);
    for (const { outcomes } of parts) expect(outcomes).toHaveLength(2);
    const [failed, measured] = parts[0].outcomes;
    expect(measured.json.results[0].network).toBe('tiny.onnx');
    expect(failed.json.failures).toHaveLength(1);
    const text = readFileSync(join(folder, 'gpu.md'), 'utf8');
    expect(text).toMatch(
      new RegExp(`^# ${adapter.name.replace(/[^\w ]/g, '.')}\n\n## float32, batch 1\n\n\\| network `),
    );
    expect(text).toMatch(/^broken\.onnx failed: .*broken\.onnx/m);
  });
});
