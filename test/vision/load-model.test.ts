import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkModel, InvalidArgumentError } from '../../node.ts';
import { separateOutputs, swapAxes, tinyDetector } from '../models/tiny-detectors.ts';
import { writeOnnx } from '../support/onnx-writer.ts';

const EMBEDDED = fileURLToPath(new URL('../../models/embedded/onelook-shapes.safetensors', import.meta.url));

function oneConvolution(dims: readonly (number | string)[]): Uint8Array {
  return writeOnnx({
    inputs: [{ name: 'image', type: 'float32', dims }],
    outputs: [{ name: 'map', type: 'float32' }],
    initializers: [{ name: 'weights', type: 'float32', dims: [4, 3, 1, 1], data: new Float32Array(12).fill(1) }],
    nodes: [{ operator: 'Conv', inputs: ['image', 'weights'], outputs: ['map'] }],
  });
}

const shapeOf = async (...args: Parameters<typeof checkModel>) => (await checkModel(...args)).inputs[0].dims;

describe('the input of a graph', () => {
  it('is as the file has it where that is fixed', async () => {
    const model = oneConvolution([1, 3, 48, 64]);
    expect(await shapeOf(model)).toEqual([1, 3, 48, 64]);
    expect(await shapeOf(model, { inputSize: [64, 48], batch: 1 })).toEqual([1, 3, 48, 64]);
  });

  it('takes the size and the batch that the file leaves open', async () => {
    const model = oneConvolution(['batch', 3, 'height', 'width']);
    expect(await shapeOf(model)).toEqual([1, 3, 640, 640]);
    expect(await shapeOf(model, { inputSize: [64, 48], batch: 2 })).toEqual([2, 3, 48, 64]);
    expect(await shapeOf(model, { inputShapes: { image: [3, 3, 5, 7] } })).toEqual([3, 3, 5, 7]);
  });

  it('is rewritten for the batch where the file is fixed to one image', async () => {
    const { inputs, graph } = await checkModel(oneConvolution([1, 3, 48, 64]), { batch: 4 });
    expect(inputs[0].dims).toEqual([4, 3, 48, 64]);
    expect(graph.outputs[0].shape).toEqual([4, 4, 48, 64]);
    const detector = writeOnnx(tinyDetector({ ...separateOutputs(3), outputs: ['boxes', 'scores'] }));
    const { contract, graph: batch } = await checkModel(detector, { identify: true, batch: 2 });
    expect(contract?.labels).toHaveLength(3);
    expect(batch.outputs.map(({ shape: [images] }) => images)).toEqual([2, 2]);
    await expect(checkModel(oneConvolution([2, 3, 48, 64]), { batch: 4 })).rejects.toThrow(InvalidArgumentError);
  });

  it('takes them too where a network is built from weights', async () => {
    expect(await shapeOf(EMBEDDED, { inputSize: 96 })).toEqual([1, 3, 96, 96]);
  });

  it('refuses what it does not have', async () => {
    const model = oneConvolution([1, 3, 48, 64]);
    for (const options of [{ inputSize: 64 }, { inputSize: [48, 64] as const }]) {
      await expect(checkModel(model, options)).rejects.toThrow(/input "image" is fixed to 1x3x48x64; export it with/);
    }
    const open = oneConvolution(['batch', 3, 'height', 'width']);
    await expect(checkModel(open, { inputSize: 100_000 })).rejects.toThrow(InvalidArgumentError);
    await expect(checkModel(open, { inputSize: 0.5 })).rejects.toThrow(InvalidArgumentError);
    await expect(checkModel(EMBEDDED, { inputSize: 100 })).rejects.toThrow(/100 is not a multiple of .* stride/);
  });
});

describe('checkModel', () => {
  it('says what a detector is, if asked, and nothing of a graph that is none', async () => {
    const detector = writeOnnx(tinyDetector({ ...separateOutputs(3), outputs: ['boxes', 'scores'] }));
    expect((await checkModel(detector, { identify: true })).contract?.labels).toHaveLength(3);
    expect((await checkModel(detector)).contract).toBeUndefined();
    expect((await checkModel(oneConvolution([1, 3, 8, 8]), { identify: true })).contract).toBeUndefined();
  });

  it('leaves out what suppresses boxes where it looks for a detector, and refuses it elsewhere', async () => {
    const base = separateOutputs(3);
    const suppressing = writeOnnx(
      tinyDetector({
        ...base,
        nodes: [
          ...base.nodes,
          swapAxes('scores', 'byClass'),
          { operator: 'NonMaxSuppression', name: 'nms', inputs: ['boxes', 'byClass', 'most'], outputs: ['selected'] },
        ],
        initializers: [...(base.initializers ?? []), { name: 'most', type: 'int64', dims: [1], data: [10] }],
        outputs: ['selected'],
      }),
    );
    const { contract, graph } = await checkModel(suppressing, { identify: true });
    expect(contract?.labels).toHaveLength(3);
    expect(graph.outputs).toHaveLength(2);
    await expect(checkModel(suppressing)).rejects.toThrow(/"nms" \(NonMaxSuppression\)/);
  });
});
