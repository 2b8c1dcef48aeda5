import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LayerBench } from '../../../engine/lab/bench.ts';
import { describeCheck } from '../../../engine/lab/check.ts';
import { formatKernel } from '../../../engine/lab/kernel-text.ts';
import { labLayer } from '../../../engine/lab/layer.ts';
import { parseLayer } from '../../../engine/lab/layer-text.ts';
import { timeTurns } from '../../../engine/lab/timing.ts';
import { testDevice } from '../../support/device.ts';

async function benchOf(text: string): Promise<LayerBench> {
  return LayerBench.create(await testDevice(), labLayer(parseLayer(text)));
}

describe('the bench of a layer', () => {
  it.each([
    '12x9x11 -> 20 k3 silu',
    '16x10x10 -> 16 k3 s2 g16 add',
    '9x7x7 -> 5 k3x1 b2 leakyRelu(0.1)',
    '8x6x6 -> 8 k3 s2 p1 transposed o1 relu',
  ])('finds the built-in kernels right, and the same as text: %s', async (text) => {
    const bench = await benchOf(text);
    expect(bench.candidates.length).toBeGreaterThan(0);
    for (const candidate of bench.candidates) {
      const result = await bench.check(await bench.prepare(candidate));
      expect(describeCheck(result)).toMatch(/^right: /);
      expect(result.elements).toBe(bench.layer.spec.output.batch * elementsOf(bench));
      const { prepared, problems } = await bench.prepareText(formatKernel(candidate, bench.layer), candidate.name);
      expect(problems).toEqual([]);
      if (!prepared) throw new Error('no kernel came of the text');
      expect(await bench.check(prepared)).toEqual(result);
      prepared.dispose();
    }
    bench.dispose();
  });

  it('stores float16 where the layer asks for it', async (context) => {
    const { features } = await testDevice();
    if (!features.float16) context.skip('needs float16');
    const bench = await benchOf('16x8x8 -> 16 k3 silu f16');
    for (const candidate of bench.candidates.filter(({ name }) => /^(direct 4x16|winograd 4x4|general)/.test(name))) {
      expect(describeCheck(await bench.check(await bench.prepare(candidate)))).toMatch(/^right: /);
    }
    bench.dispose();
  });

  describe('with kernels that are wrong', () => {
    let bench: LayerBench;
    let text: string;
    beforeAll(async () => {
      bench = await benchOf('6x5x7 -> 6 k3 silu');
      const general = bench.candidates.find(({ name }) => name === 'general');
      if (!general) throw new Error('there is no general kernel');
      text = formatKernel(general, bench.layer);
    });
    afterAll(() => bench.dispose());

    async function check(find: string, replacement: string) {
      expect(text).toContain(find);
      const { prepared, problems } = await bench.prepareText(text.replace(find, replacement));
      expect(problems).toEqual([]);
      if (!prepared) throw new Error('no kernel came of the text');
      return bench.check(prepared);
    }

    it('names the first wrong element', async () => {
      const result = await check(
        'output[to] = sum;',
        'output[to] = select(sum, sum + 0.01, x == 3u && y >= 2u && channel == 4u);',
      );
      expect(result).toMatchObject({ correct: false, wrong: 3, firstWrong: { kind: 'value', place: [0, 4, 2, 3] } });
      const { found, expected, bound } = result.firstWrong ?? { found: 0, expected: 0, bound: 0 };
      expect(found - expected).toBeCloseTo(0.01, 5);
      expect(bound).toBeLessThan(0.001);
      expect(result.largestError).toBeCloseTo(0.01, 5);
      expect(describeCheck(result)).toContain('3 wrong elements of 210, the first at [0, 4, 2, 3]');
    });

    it('notices a tap that is left out', async () => {
      const result = await check('for (var kx = 0; kx < params.kernelWidth; kx++)', 'for (var kx = 0; kx < 2; kx++)');
      expect(result.firstWrong).toMatchObject({ kind: 'value', place: [0, 0, 0, 0] });
    });

    it('notices what was not written, and unused lanes that are not finite', async () => {
      const unwritten = await check('output[to] = sum;', 'if (x < 6u) { output[to] = sum; }');
      expect(unwritten).toMatchObject({ wrong: 6 * 5, firstWrong: { kind: 'unwritten', place: [0, 0, 0, 6] } });
      expect(unwritten.largestError).toBe(Number.POSITIVE_INFINITY);
      const lanes = await check('output[to] = 0.0f;', '');
      expect(lanes.firstWrong).toMatchObject({ kind: 'lane', place: [0, 6, 0, 0] });
    });

    it('says where text does not compile', async () => {
      const lines = text.split('\n');
      const line = lines.findIndex((content) => content.includes('var sum = bias[channel];')) + 1;
      const { prepared, problems } = await bench.prepareText(text.replace('bias[channel]', 'bias[chanel]'));
      expect(prepared).toBeUndefined();
      expect(problems).toEqual([
        expect.objectContaining({ severity: 'error', line, column: lines[line - 1].indexOf('channel') + 1 }),
      ]);
    });

    it('reports a tensor that is smaller than the text says', async () => {
      const larger = text.replace('output: array<f32>', 'output: array<f32, 100000>');
      expect(larger).not.toBe(text);
      const { prepared, problems } = await bench.prepareText(larger);
      expect(prepared).toBeUndefined();
      expect(problems).toEqual([expect.objectContaining({ severity: 'error', line: 3 })]);
    });

    it('reports what WebGPU refuses of text that compiles', async () => {
      const { prepared, problems } = await bench.prepareText(
        text.replace('@workgroup_size(64, 1, 1)', '@workgroup_size(4096, 4096)'),
      );
      expect(prepared).toBeUndefined();
      expect(problems).toEqual([expect.objectContaining({ severity: 'error' })]);
    });
  });

  it('notices writing outside of a slice', async () => {
    const typed = labLayer(parseLayer('4x4x4 -> 4 k1'));
    const output = { ...typed.spec.output, offset: 4, pixelStride: 12, imageStride: 4 * 4 * 12 };
    const sliced = labLayer({ ...typed, spec: { ...typed.spec, output } });
    const bench = await LayerBench.create(await testDevice(), sliced);
    const general = bench.candidates.find(({ name }) => name === 'general');
    if (!general) throw new Error('there is no general kernel');
    expect((await bench.check(await bench.prepare(general))).correct).toBe(true);
    const text = formatKernel(general, sliced).replace('output[to] = sum;', 'output[to] = sum; output[2] = 1;');
    const { prepared } = await bench.prepareText(text);
    if (!prepared) throw new Error('no kernel came of the text');
    expect(await bench.check(prepared)).toMatchObject({
      wrong: 1,
      firstWrong: { kind: 'outside', place: [2], found: 1 },
    });
    bench.dispose();
  });

  it.each(['timestamps', 'wall'] as const)('times kernels turn by turn, by %s', async (clock) => {
    const device = await testDevice();
    const bench = await benchOf('8x16x16 -> 8 k3 silu');
    const kernels = await Promise.all(bench.candidates.map((candidate) => bench.prepare(candidate)));
    const turns: string[] = [];
    const onTurn = ({ name }: { name: string }) => turns.push(name);
    const timings = await timeTurns(device, kernels, { rounds: 3, clock, onTurn });
    expect(turns).toEqual([1, 2, 3].flatMap(() => bench.candidates.map(({ name }) => name)));
    for (const { medianMs, bestMs, quartilesMs, samples, clock: used } of timings) {
      expect(used).toBe(clock);
      expect(samples).toBe(3);
      expect(bestMs).toBeGreaterThan(0);
      expect(bestMs).toBeLessThanOrEqual(medianMs);
      expect(quartilesMs[0]).toBeLessThanOrEqual(quartilesMs[1]);
    }
    bench.dispose();
  });
});

function elementsOf({ layer }: LayerBench): number {
  const { channels, height, width } = layer.spec.output;
  return channels * height * width;
}
