import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseNpy, writeNpy } from '../../cli/support/npy.ts';
import { listNodeAdapters } from '../../node.ts';
import { separateOutputs, tinyDetector } from '../models/tiny-detectors.ts';
import { onelook, temporaryFolder } from '../support/cli.ts';
import { writeOnnx } from '../support/onnx-writer.ts';
import { randomFloats } from '../support/random.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const MODEL = at('tiny.onnx');

/** YOLO-NAS's two outputs, 3 classes, and two tensors whose names are no file names. */
const detector = writeOnnx(
  tinyDetector({
    ...separateOutputs(3),
    nodes: [
      ...separateOutputs(3).nodes,
      { operator: 'Relu', inputs: ['maps'], outputs: ['/head/maps'] },
      { operator: 'Neg', inputs: ['maps'], outputs: ['_head_maps'] },
    ],
    outputs: ['boxes', 'scores', '/head/maps', '_head_maps'],
  }),
);

beforeAll(() => writeFileSync(MODEL, detector));

describe('onelook run', () => {
  it('gives what ONNX Runtime gives, as .npy files', async () => {
    const dims = [1, 3, 64, 64];
    const data = Float32Array.from(randomFloats(7, 3 * 64 * 64, 1));
    writeFileSync(at('image.npy'), writeNpy({ type: 'float32', dims, data }));
    const out = at('new/tensors');
    const args = ['run', MODEL, '--input', `image=${at('image.npy')}`, '--output-dir', out, '--precision', 'float32'];
    const { status, stdout, stderr } = await onelook([...args, '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { outputs, adapter } = JSON.parse(stdout);
    expect(adapter.name).not.toBe('');
    expect(readdirSync(out).sort()).toEqual(['_head_maps-2.npy', '_head_maps.npy', 'boxes.npy', 'scores.npy']);

    const session = await InferenceSession.create(detector);
    const reference = await session.run({ image: new Tensor('float32', data, dims) });
    expect(outputs.map(({ name }: { name: string }) => name)).toEqual(Object.keys(reference));
    for (const { name, type, dims: stated, file } of outputs) {
      const tensor = parseNpy(readFileSync(file), file);
      expect(tensor).toMatchObject({ type: 'float32', dims: [...reference[name].dims] });
      expect({ type, stated }).toEqual({ type: tensor.type, stated: tensor.dims });
      const expected = reference[name].data as Float32Array;
      const worst = expected.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - Number(tensor.data[index]))),
        0,
      );
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(worst / largest, name).toBeLessThan(1e-5);
    }
    await session.release();
  });
});

describe('onelook inspect', () => {
  it('shows kernels, costs and memory, to people and to machines', async () => {
    const file = at('plan.json');
    const [forPeople, forMachines] = await Promise.all([
      onelook(['inspect', MODEL]),
      onelook(['inspect', MODEL, '--json', file, '--precision', 'float32']),
    ]);
    expect([forPeople.status, forMachines.status, forPeople.stderr, forMachines.stderr]).toEqual([0, 0, '', '']);
    const { steps, flops, parameters, memory, inputs, outputs, passes, precision } = JSON.parse(
      readFileSync(file, 'utf8'),
    );
    expect(precision).toBe('float32');
    // Weights of 7 channels over 3 for each of the kernels of 8, 16 and 32 pixels.
    expect(parameters).toBeGreaterThanOrEqual(7 * 3 * (8 * 8 + 16 * 16 + 32 * 32));
    const convolutions = steps.filter(({ operator }: { operator: string }) => operator === 'conv2d');
    expect(convolutions).toHaveLength(3);
    // Two for each multiplication and addition; each stride's map has (64 / stride)² pixels, so all three cost the same.
    expect(flops).toBeGreaterThanOrEqual(3 * 2 * 7 * 3 * 64 * 64);
    expect(inputs).toMatchObject([{ name: 'image', shape: [1, 3, 64, 64] }]);
    expect(outputs.map(({ name }: { name: string }) => name)).toEqual(['boxes', 'scores', '/head/maps', '_head_maps']);
    expect(memory.weights).toBeGreaterThanOrEqual(4 * 7 * 3 * (8 * 8 + 16 * 16 + 32 * 32));
    expect(memory.lowerBound).toBeLessThanOrEqual(memory.activations);
    expect(passes.length).toBeGreaterThan(0);
    expect(forPeople.stdout).toMatch(/^input {2}image: float \[1,3,64,64\]$/m);
    expect(forPeople.stdout).toMatch(/^Kernels: \d+ dispatches$/m);
    expect(forPeople.stdout).toMatch(/^Memory: weights .* MiB; activations .* \(lower bound /m);
  });
});

describe('onelook check', () => {
  it('says that a network runs, without an adapter', async () => {
    const env = { VK_DRIVER_FILES: at('missing.json') };
    const [forPeople, forMachines] = await Promise.all([
      onelook(['check', MODEL], { env }),
      onelook(['check', MODEL, '--json'], { env }),
    ]);
    expect(forPeople).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/tiny\.onnx: runs \(/) });
    expect(JSON.parse(forMachines.stdout)).toMatchObject({ runs: true, unsupported: [] });
  });

  it('lists every operator that is in the way at once, with its node', async () => {
    const model = writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: [1, 4, 8, 8] }],
      outputs: [{ name: 'y', type: 'float32' }],
      nodes: [
        { operator: 'Det', name: 'determinant', inputs: ['x'], outputs: ['a'] },
        { operator: 'Relu', name: 'fine', inputs: ['x'], outputs: ['b'] },
        { operator: 'Gaze', domain: 'my.domain', name: 'gazing', inputs: ['b'], outputs: ['c'] },
        { operator: 'Add', name: 'last', inputs: ['a', 'c'], outputs: ['y'] },
      ],
    });
    writeFileSync(at('strange.onnx'), model);
    const [forPeople, forMachines] = await Promise.all([
      onelook(['check', at('strange.onnx')]),
      onelook(['check', at('strange.onnx'), '--json']),
    ]);
    for (const { status, stderr } of [forPeople, forMachines]) {
      expect(status).toBe(1);
      expect(stderr).toMatch(/^onelook: [^\n]*2 nodes that can't run: "determinant" [^\n]*"gazing" [^\n]*\n$/);
    }
    expect(forPeople.stdout).toMatch(/^operator +node +why\nDet +determinant +.+\n.*Gaze +gazing +.+\n$/);
    expect(JSON.parse(forMachines.stdout)).toMatchObject({
      runs: false,
      unsupported: [
        { operator: 'Det', node: 'determinant' },
        { operator: expect.stringContaining('Gaze'), node: 'gazing' },
      ],
    });
  });
});

describe('onelook bench', () => {
  const network = at('one-convolution.onnx');
  const weights = { name: 'w', type: 'float32', dims: [4, 3, 1, 1], data: randomFloats(3, 12) } as const;
  const convolution = writeOnnx({
    inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 8, 8] }],
    outputs: [{ name: 'map', type: 'float32' }],
    initializers: [weights],
    nodes: [{ operator: 'Conv', inputs: ['image', 'w'], outputs: ['map'] }],
  });
  beforeAll(() => writeFileSync(network, convolution));

  const expectTimes = ({ firstMs, medianMs, p90Ms }: { firstMs: number; medianMs: number; p90Ms: number }) => {
    expect(medianMs).toBeGreaterThan(0);
    expect(p90Ms).toBeGreaterThanOrEqual(medianMs);
    expect(firstMs).toBeGreaterThan(0);
  };

  it('times networks by themselves', async () => {
    const { status, stdout, stderr } = await onelook(['bench', network, network, '--runs', '3', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const reports = JSON.parse(stdout);
    expect(reports).toHaveLength(2);
    for (const { network: name, ours, stages, rival, ratio, layers } of reports) {
      expect(name).toBe('one-convolution.onnx');
      expectTimes(ours);
      expect(Object.keys(stages)).toEqual(['uploadMs', 'encodeMs', 'gpuMs', 'readbackMs', 'totalMs']);
      expect([rival, ratio, layers]).toEqual([undefined, undefined, undefined]);
    }
  });

  it('holds every dispatch against the roofline, and names what is farthest from it', async () => {
    const json = at('layers.json');
    const args = ['bench', network, '--runs', '1', '--cold-starts', '0', '--layers', '--json', json];
    const { status, stdout } = await onelook(args);
    expect(status).toBe(0);
    const [{ ours, dispatches, layers, gap, roofline }] = JSON.parse(readFileSync(json, 'utf8'));
    expect(ours.firstMs).toBeUndefined();
    expect(roofline.flopsPerSecond).toBeGreaterThan(0);
    expect(layers).toHaveLength(dispatches);
    expect(layers[0]).toMatchObject({ kernel: expect.stringContaining('conv2d 1x1'), shape: '3x8x8 -> 4x8x8' });
    expect(gap.largest.kernel).toBe(layers[0].kernel);
    expect(stdout).toMatch(/^node +kernel +shape +us +GFLOP\/s +GB\/s +of the roofline$/m);
    expect(stdout).toContain(`is ${gap.largest.kernel} on 3x8x8 -> 4x8x8`);
  });

  it('times them next to ONNX Runtime, which gives a ratio', async () => {
    const file = at('bench.json');
    const markdown = at('bench.md');
    const compare = ['--compare', 'onnxruntime', '--json', file, '--markdown', markdown];
    const { status, stdout } = await onelook(['bench', network, '--runs', '3', ...compare]);
    expect(status).toBe(0);
    const [{ ours, rival, ratio, ratioSpread, firstRatio, adapter }] = JSON.parse(readFileSync(file, 'utf8'));
    expectTimes(ours);
    expectTimes(rival);
    expect(ratio).toBeCloseTo(rival.medianMs / ours.medianMs, 9);
    expect(ratioSpread[0]).toBeLessThanOrEqual(ratioSpread[1]);
    expect(firstRatio).toBeCloseTo(rival.firstMs / ours.firstMs, 9);
    expect(readFileSync(markdown, 'utf8')).toContain(`| one-convolution.onnx | ${ours.medianMs.toFixed(1)} | `);
    expect(stdout).toContain(`on ${adapter.name}`);
    expect(stdout).toMatch(/^network .* ratio/m);
  });
});

describe('onelook adapters', () => {
  it('lists what the library lists', async () => {
    const [forPeople, forMachines] = await Promise.all([onelook(['adapters']), onelook(['adapters', '--json'])]);
    const adapters = await listNodeAdapters();
    expect(adapters.length).toBeGreaterThan(0);
    expect(JSON.parse(forMachines.stdout)).toEqual(JSON.parse(JSON.stringify(adapters)));
    for (const { name, software } of adapters) {
      const row = forPeople.stdout.split('\n').find((line) => line.startsWith(name));
      expect(row).toContain(software ? 'software' : 'GPU');
    }
  });

  it('says so where there is none', async () => {
    const env = { VK_DRIVER_FILES: at('missing.json') };
    const [forPeople, forMachines] = await Promise.all([
      onelook(['adapters'], { env }),
      onelook(['adapters', '--json'], { env }),
    ]);
    expect(forPeople).toMatchObject({ status: 0, stdout: expect.stringMatching(/^No adapter\. Run .*npm run setup/) });
    expect(JSON.parse(forMachines.stdout)).toEqual([]);
  });
});

describe('onelook --help', () => {
  it('lists every command, and says which are not built yet', async () => {
    const [help, version] = await Promise.all([onelook(['--help']), onelook(['--version'])]);
    expect(help.status).toBe(0);
    const text = help.stdout.replace(/\s+/g, ' ');
    for (const verb of ['detect', 'run', 'bench', 'inspect', 'check', 'eval', 'adapters'])
      expect(text).toContain(` ${verb} `);
    for (const verb of ['quantize', 'convert', 'export']) {
      expect(text).toMatch(new RegExp(` ${verb} [^()]*\\(not built yet\\)`));
    }
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
