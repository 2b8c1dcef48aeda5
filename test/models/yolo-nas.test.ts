import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InvalidArgumentError, ModelFormatError } from '../../engine/errors.ts';
import { executeReference } from '../../engine/graph/execute.ts';
import type { Graph } from '../../engine/graph/types.ts';
import type { ModelFile, StoredTensor } from '../../loader/model-file.ts';
import { parseSafetensors } from '../../loader/safetensors.ts';
import { buildGraph, buildModel } from '../../models/model.ts';
import { buildYoloNas } from '../../models/yolo-nas.ts';
import { randomFloats } from '../support/random.ts';
import { storeTensor } from '../support/tensor-bytes.ts';
import { type Variant, variants, yoloNasTensors } from './yolo-nas-tensors.ts';

function fixture(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

function fileOf(tensors: ReadonlyMap<string, StoredTensor>, metadata: Record<string, string> = {}): ModelFile {
  const entries = Object.entries({ family: 'yolo-nas', ...metadata });
  return { format: 'safetensors', source: 'nas.safetensors', tensors, metadata: new Map(entries) };
}

/** Runs a graph on the same picture: a value for each element that needs no file. */
function run(graph: Graph): ArrayLike<number>[] {
  const [{ name, shape }] = graph.inputs;
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 1000);
  return executeReference(graph, new Map([[name, { kind: 'float', shape, data }]])).map((output) => output.data);
}

describe('the embedded network', () => {
  const path = 'models/embedded/onelook-shapes.safetensors';
  const file = parseSafetensors(new Uint8Array(readFileSync(fixture(path))), path);
  const golden = JSON.parse(readFileSync(fixture('test/fixtures/embedded-golden.json'), 'utf8')) as {
    readonly input: { readonly dims: readonly number[] };
    readonly anchorCount: number;
    readonly anchors: readonly number[];
    readonly boxes: readonly (readonly number[])[];
    readonly scores: readonly (readonly number[])[];
  };

  test('computes what the network that was trained computes', () => {
    const { graph, contract } = buildYoloNas(file);
    expect(graph.inputs[0].shape).toEqual(golden.input.dims);
    expect(contract.head).toMatchObject({ anchorCount: golden.anchorCount });
    const [boxes, scores] = run(graph);
    const classes = contract.labels.length;
    golden.anchors.forEach((anchor, row) => {
      golden.boxes[row].forEach((value, i) => {
        expect(Math.abs(boxes[anchor * 4 + i] - value)).toBeLessThan(2e-3);
      });
      golden.scores[row].forEach((value, i) => {
        expect(Math.abs(scores[anchor * classes + i] - value)).toBeLessThan(1e-5);
      });
    });
  });

  test('states its contract', async () => {
    const { contract } = await buildModel(file);
    expect(contract).toMatchObject({
      family: 'yolo-nas',
      stride: 32,
      input: {
        name: 'images',
        width: 320,
        height: 320,
        resize: 'letterbox',
        align: 'center',
        contentSize: [320, 320],
        channelOrder: 'rgb',
        padValue: 114,
      },
      head: { kind: 'dense', boxForm: 'corners', decoding: { form: 'pixels' } },
      defaults: { maxDetections: 300 },
    });
    expect(contract.labels).toEqual(JSON.parse(file.metadata.get('labels') ?? ''));
    expect(contract.defaults.scoreThreshold).toBe(Number(file.metadata.get('scoreThreshold')));
  });

  test('takes other sizes and batches', () => {
    const { graph, contract } = buildYoloNas(file, { inputSize: [256, 192], batch: 2 });
    expect(graph.inputs[0].shape).toEqual([2, 3, 192, 256]);
    expect(graph.outputs[0].shape).toEqual([2, (256 * 192) / 64 + (256 * 192) / 256 + (256 * 192) / 1024, 4]);
    expect(contract.input).toMatchObject({ width: 256, height: 192, contentSize: [256, 192] });
    expect(() => buildYoloNas(file, { inputSize: 300 })).toThrow(/multiple of the network's stride 32; use 288 or 320/);
  });

  test('is a graph by itself too', async () => {
    expect((await buildGraph(file)).inputs[0].shape).toEqual([1, 3, 320, 320]);
    const small = await buildGraph(file, { inputShapes: { images: [1, 3, 64, 96] } });
    expect(small.inputs[0].shape).toEqual([1, 3, 64, 96]);
    await expect(buildGraph(file, { inputShapes: { x: [1, 3, 64, 96] } })).rejects.toThrow(InvalidArgumentError);
    await expect(buildGraph(file, { outputs: ['boxes'] })).rejects.toThrow(InvalidArgumentError);
  });
});

describe('variants', () => {
  // Trained parameters in millions, of the networks as published.
  for (const [name, millions] of [
    ['S', 12.88],
    ['M', 33.86],
    ['L', 44.53],
  ] as const) {
    test(`${name} is built from names and shapes, and reads every tensor but placeholders`, () => {
      const tensors = yoloNasTensors(variants[name], { placeholders: NaN });
      const parameters = Array.from(tensors).filter(([key]) => !/rbr_reparam|running_/.test(key));
      const count = parameters.reduce((sum, [, { dims }]) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
      expect(count / 1e6).toBeCloseTo(millions, 2);

      const read = new Set<string>();
      const watched = {
        has: (key: string) => tensors.has(key),
        get: (key: string) => {
          read.add(key);
          return tensors.get(key);
        },
      } as ReadonlyMap<string, StoredTensor>;
      const { graph, contract } = buildYoloNas(fileOf(watched));
      expect(Array.from(tensors.keys()).filter((key) => !read.has(key) && !key.includes('rbr_reparam'))).toEqual([]);
      expect(Array.from(read).filter((key) => key.includes('rbr_reparam'))).toEqual([]);
      expect(graph.outputs.map(({ shape }) => shape)).toEqual([
        [1, 8400, 4],
        [1, 8400, 80],
      ]);
      expect(contract.input.contentSize).toEqual([636, 636]);
      expect(contract.labels[79]).toBe('toothbrush');
    });
  }
});

describe('forms of a checkpoint', () => {
  const tiny: Variant = {
    stem: 4,
    stages: [
      { out: 4, hidden: 4, count: 1, intermediates: true },
      { out: 8, hidden: 4, count: 2, intermediates: true },
      { out: 8, hidden: 4, count: 1, intermediates: false },
      { out: 8, hidden: 4, count: 1, intermediates: false },
    ],
    up: [
      { out: 8, hidden: 4, count: 1 },
      { out: 4, hidden: 4, count: 2 },
    ],
    down: [
      { out: 8, hidden: 4, count: 1 },
      { out: 8, hidden: 4, count: 1 },
    ],
    inner: [4, 4, 4],
    classes: 3,
  };
  const unfused = yoloNasTensors(tiny, { placeholders: NaN, seed: 5 });
  const expected = run(buildYoloNas(fileOf(unfused), { inputSize: 64 }).graph);

  /** Branches of every block fused into one kernel by the formulae, and the norm after the sum as well, if asked for. */
  function fused(postNorm: boolean): Map<string, StoredTensor> {
    const result = new Map(unfused);
    const data = (key: string) => {
      const tensor = unfused.get(key);
      return tensor && new Float32Array(tensor.bytes.slice().buffer);
    };
    const need = (key: string) => data(key) ?? new Float32Array();
    const blocks = Array.from(unfused.keys()).flatMap((key) => /^(.*)\.branch_3x3\.conv\.weight$/.exec(key)?.[1] ?? []);
    for (const block of blocks) {
      const { dims } = unfused.get(`${block}.branch_3x3.conv.weight`) as StoredTensor;
      const [outputs, inputs] = dims;
      const weight = need(`${block}.branch_3x3.conv.weight`);
      const bias = new Float32Array(outputs);
      const factors = (name: string, channel: number) => {
        const [g, b, m, v] = ['weight', 'bias', 'running_mean', 'running_var'].map(
          (key) => need(`${name}.${key}`)[channel],
        );
        const factor = g / Math.sqrt(v + 1e-3);
        return [factor, b - m * factor];
      };
      for (let o = 0; o < outputs; o++) {
        const [factor, addend] = factors(`${block}.branch_3x3.bn`, o);
        const [postFactor, postAddend] = postNorm ? factors(`${block}.post_bn`, o) : [1, 0];
        for (let i = 0; i < inputs; i++) {
          for (let tap = 0; tap < 9; tap++) {
            const at = (o * inputs + i) * 9 + tap;
            const center =
              need(`${block}.branch_1x1.weight`)[o * inputs + i] + (/\.cv[12]$/.test(block) && o === i ? 1 : 0);
            weight[at] = (weight[at] * factor + (tap === 4 ? center : 0)) * postFactor;
          }
        }
        bias[o] = (addend + need(`${block}.branch_1x1.bias`)[o]) * postFactor + postAddend;
      }
      for (const key of unfused.keys()) {
        if (key.startsWith(`${block}.branch_`) || (postNorm && key.startsWith(`${block}.post_bn`))) result.delete(key);
      }
      result.set(`${block}.rbr_reparam.weight`, storeTensor({ name: '', type: 'float32', dims, data: weight }));
      result.set(`${block}.rbr_reparam.bias`, storeTensor({ name: '', type: 'float32', dims: [outputs], data: bias }));
    }
    return result;
  }

  for (const postNorm of [false, true]) {
    test(`branches fused, ${postNorm ? 'and' : 'without'} the norm after their sum, compute the same`, () => {
      const { graph } = buildYoloNas(fileOf(fused(postNorm)), { inputSize: 64 });
      run(graph).forEach((output, index) => {
        const difference = Array.from(output, (value, i) => Math.abs(value - expected[index][i]));
        expect(Math.max(...difference)).toBeLessThan(1e-3);
      });
    });
  }

  test('shortcuts are scaled by their alpha', () => {
    const tensors = new Map(unfused);
    const key = 'backbone.stage1.blocks.bottlenecks.0.alpha';
    tensors.set(key, storeTensor({ name: key, type: 'float32', dims: [1], data: [7] }));
    expect(run(buildYoloNas(fileOf(tensors), { inputSize: 64 }).graph)[1]).not.toEqual(expected[1]);
  });

  test('a missing tensor is named', () => {
    const tensors = new Map(unfused);
    tensors.delete('neck.neck2.conv.bn.running_mean');
    const build = () => buildYoloNas(fileOf(tensors), { inputSize: 64 });
    expect(build).toThrow(ModelFormatError);
    expect(build).toThrow('nas.safetensors: the tensor "neck.neck2.conv.bn.running_mean" is missing');
  });

  test('a tensor of the wrong shape names the layer', () => {
    const tensors = new Map(unfused);
    const dims = [8, 5, 1, 1];
    const key = 'neck.neck1.conv.conv.weight';
    tensors.set(key, storeTensor({ name: key, type: 'float32', dims, data: randomFloats(1, 40) }));
    expect(() => buildYoloNas(fileOf(tensors), { inputSize: 64 })).toThrow(
      /^nas\.safetensors: neck\.neck1\.conv\.conv: conv2d/,
    );
  });

  test('metadata of the wrong form are named', () => {
    for (const [key, value] of [
      ['labels', '{"0": "a"}'],
      ['inputSize', '[640]'],
      ['preprocess', '{"resize": "crop"}'],
      ['scoreThreshold', '7'],
      ['iouThreshold', 'high'],
    ]) {
      const build = () => buildYoloNas(fileOf(unfused, { [key]: value }), { inputSize: 64 });
      expect(build).toThrow(ModelFormatError);
      expect(build).toThrow(`its metadata "${key}" must be`);
    }
  });

  test('labels that are not as many as the classes are refused', () => {
    expect(() => buildYoloNas(fileOf(unfused), { inputSize: 64, labels: ['one'] })).toThrow(/1 label.* 3 classes/);
  });
});

test('a state dict of no family is refused', async () => {
  const file: ModelFile = { format: 'safetensors', source: 'x.safetensors', tensors: new Map(), metadata: new Map() };
  await expect(buildModel(file)).rejects.toThrow(/x\.safetensors: its metadata name no family/);
});
