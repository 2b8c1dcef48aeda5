import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fromRoot } from '../../../scripts/support/paths.mjs';
import { runNode, temporaryFolder } from '../../support/cli.ts';

const SCRIPT = fromRoot('examples/kernel-lab/run.mjs');
const SHAPE = ['--shape', '8x10x12 -> 8 k3 silu', '--candidates', 'general', '--rounds', '3'];
const KEY = 'conv2d 1x8x10x12>8x10x12 k3x3 s1x1 p1.1.1.1 f32 silu';

describe('the kernel lab in a terminal', () => {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  const run = (...args: string[]) => runNode([SCRIPT, ...args]);

  it('lists the layers of a network', async () => {
    const { status, stdout } = await run();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^on .+\nyolo-nas, float32\n/);
    expect(stdout).toMatch(/^ 1 {2}3x320x320 -> 16 k3 s2 p1\.1\.0\.0 relu +x1 +\d\.\d %/m);
    expect(stdout).toContain('Choose one with --layer');
  });

  it('checks and times kernels, and pins the fastest', async () => {
    const pins = file('pins.json');
    writeFileSync(pins, '{ "another layer": "general" }');
    const { status, stdout } = await run(...SHAPE, '--pin', pins, '--json', file('report.json'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^roofline: .+FLOP\/s of multiply-adds, .+B\/s of copying/m);
    expect(stdout).toContain(`key        ${KEY}`);
    expect(stdout).toMatch(/^\* general +[\d.]+ .+right$/m);
    expect(JSON.parse(readFileSync(pins, 'utf8'))).toEqual({ 'another layer': 'general', [KEY]: 'general' });
    const { adapter, roofline, layers } = JSON.parse(readFileSync(file('report.json'), 'utf8'));
    expect(adapter.name).not.toBe('');
    expect(roofline.flopsPerSecond).toBeGreaterThan(0);
    expect(layers).toHaveLength(1);
    expect(layers[0]).toMatchObject({ key: KEY, text: '8x10x12 -> 8 k3 s1 p1 silu', flops: 139200 });
    const [{ name, check, timing, point }] = layers[0].kernels;
    expect({ name, correct: check.correct, elements: check.elements }).toEqual({
      name: 'general',
      correct: true,
      elements: 960,
    });
    expect(point.flopsPerSecond).toBeCloseTo((139200 / timing.medianMs) * 1000, 0);
  });

  it('goes through several layers of a network, and sums them up', async () => {
    const { status, stdout } = await run('--layer', '112x10x10 ->', '--candidates', 'general', '--rounds', '1');
    expect(status).toBe(0);
    expect(stdout.match(/^ {2}key /gm)?.length).toBe(3);
    expect(stdout).toMatch(/^\(the fastest of each\) +[\d.]+ {2}3 of 3$/m);
  });

  it('begins a file, and says where its text is wrong', async () => {
    const wgsl = file('kernel.wgsl');
    const begun = await run(...SHAPE, '--wgsl', wgsl);
    expect(begun.stdout).toContain(`${wgsl} is new: it holds general`);
    const text = readFileSync(wgsl, 'utf8');
    expect(text).toMatch(/^\/\/! layer 8x10x12 -> 8 k3 s1 p1 silu\n\/\/! weights plain\n\/\/! workgroups 15, 1, 1\n/);

    // It is for the layer that it was begun for.
    const right = await run(...SHAPE.slice(2), '--wgsl', wgsl);
    expect(right.status).toBe(0);
    expect(right.stdout).toMatch(/\(yours\) .+right$/m);

    writeFileSync(wgsl, text.replace('output[to] = sum;', 'output[to] = sum + f32(x == 3u);'));
    const wrong = await run(...SHAPE, '--wgsl', wgsl);
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toMatch(/\(yours\) .+WRONG$/m);
    expect(wrong.stdout).toContain('80 wrong elements of 960, the first at [0, 0, 0, 3] (image, channel, y, x): ');

    const broken = text.replace('bias[channel]', 'bias[chanel]');
    writeFileSync(wgsl, broken);
    const refused = await run(...SHAPE, '--wgsl', wgsl);
    const line = broken.split('\n').findIndex((content) => content.includes('chanel')) + 1;
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain('does not compile');
    expect(refused.stdout).toMatch(new RegExp(`kernel\\.wgsl:${line}:18: error: .*chanel`));
  });

  describe('watching a file', () => {
    let child: ChildProcess | undefined;
    afterEach(() => child?.kill());

    it('tries it again when it is saved', async () => {
      const wgsl = file('watched.wgsl');
      child = spawn(process.execPath, [SCRIPT, ...SHAPE, '--wgsl', wgsl, '--watch'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      child.stdout?.on('data', (chunk) => {
        output += chunk;
      });
      const until = (pattern: RegExp) => expect.poll(() => output, { timeout: 60_000 }).toMatch(pattern);
      await until(/^Watching .+watched\.wgsl; general is the one to beat/m);
      const text = readFileSync(wgsl, 'utf8');
      writeFileSync(wgsl, text.replace('output[to] = sum;', 'output[to] = sum + 1;'));
      await until(/^ {2}1 {2}.+ x the speed of general .+960 wrong elements of 960/m);
      writeFileSync(wgsl, `${text}\n// the same`);
      await until(/^ {2}2 {2}.+ x the speed of general {2}right: 960 elements/m);
    });
  });

  it.each([
    [['--shape', '8x8 -> 4'], /^"8x8 -> 4" is no layer: write it like 64x80x80 -> 64 k3 s1 p1 silu$/m],
    [['--layer', 'nowhere'], /^no layer is "nowhere": give a number from 1 to 57, or part of its text$/m],
    [
      [...SHAPE.slice(0, 2), '--candidates', 'quick'],
      /^no kernel of the layer has "quick" in its name: there is .*general/m,
    ],
    [['--watch'], /--watch needs a file to watch/],
    [['--shape', '8x8x8 -> 4', '--layer', '1'], /give one of them/],
    [['no-such.onnx'], /^no-such\.onnx can't be read: there is no such file$/m],
  ])('refuses %j with one sentence', async (args, reason) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
