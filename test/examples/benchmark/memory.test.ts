import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fromRoot } from '../../../scripts/support/paths.mjs';
import { separateOutputs, tinyDetector } from '../../models/tiny-detectors.ts';
import { temporaryFolder } from '../../support/cli.ts';
import { writeOnnx } from '../../support/onnx-writer.ts';

const folder = temporaryFolder();

it('compares the memory of a network with what ONNX Runtime takes for it', async () => {
  const file = join(folder, 'tiny.onnx');
  writeFileSync(file, writeOnnx(tinyDetector({ ...separateOutputs(3), outputs: ['boxes', 'scores'] })));
  const program = fromRoot('examples/benchmark/run.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'memory', file]);
  const [head, row, ...rest] = stdout.trim().split('\n');
  expect(head.split(/ +/)).toEqual('network weights bound plan ratio ours peak rival peak plan/rival'.split(' '));
  expect(rest).toEqual([]);
  const [name, ...cells] = row.split(/ +/);
  expect(name).toBe('tiny.onnx');
  const [weights, bound, plan, ratio, ours, peak] = cells.map(Number);
  expect(cells.map(Number).every(Number.isFinite)).toBe(true);
  expect(weights).toBeGreaterThanOrEqual(0);
  expect(plan).toBeGreaterThanOrEqual(bound);
  expect(ratio).toBeGreaterThanOrEqual(1);
  expect(peak).toBeGreaterThanOrEqual(ours);
});
