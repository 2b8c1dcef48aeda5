import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, InvalidImageError, UnsupportedModelError } from '../../engine/errors.ts';
import { GraphBuilder } from '../../engine/graph/builder.ts';
import { elementCount } from '../../engine/graph/indexing.ts';
import { setBatch } from '../../engine/passes/set-batch.ts';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { TextureUsage } from '../../engine/runtime/webgpu-flags.ts';
import type { DetectionResult } from '../../engine/vision/detection.ts';
import { Detector, type DetectorOptions } from '../../engine/vision/detector.ts';
import type { PixelImage } from '../../engine/vision/image.ts';
import type { DenseHead } from '../../models/contract.ts';
import type { Model } from '../../models/model.ts';
import { type LoadedModel, loadModel, readImage } from '../../node.ts';
import { COLOURS, colourDetector, painted } from '../support/colour-detector.ts';
import { testDevice } from '../support/device.ts';
import { randomFloats, randomInteger, seeded } from '../support/random.ts';
import { sharedPath } from '../support/shared.ts';
import { expectClose } from '../support/tensors.ts';

async function load(options: DetectorOptions = {}, model: Model = colourDetector()): Promise<Detector> {
  return Detector.create(model, { device: await testDevice(), ...options });
}

/** Of any size, with patches that the seed decides. */
function scene(seed: number): PixelImage {
  const next = seeded(seed);
  const [width, height] = [randomInteger(next, 20, 200), randomInteger(next, 20, 200)];
  const patches = Array.from({ length: 6 }, () => {
    const [x, y] = [randomInteger(next, 0, width - 10), randomInteger(next, 0, height - 10)];
    const colour = (['red', 'green', 'blue'] as const)[randomInteger(next, 0, 2)];
    return { box: [x, y, Math.min(x + 40, width), Math.min(y + 40, height)], colour } as const;
  });
  return painted(width, height, patches);
}

const scenes = (count: number) => Array.from({ length: count }, (_, seed) => scene(seed));

/** What doesn't depend on the company that an image was in. */
const found = ({ detections, width, height }: DetectionResult) => ({ detections, width, height });

async function oneByOne(detector: Detector, images: readonly PixelImage[], options = {}) {
  const results = [];
  for (const image of images) results.push(found(await detector.detect(image, options)));
  return results;
}

/** On software adapters images go through one after another, unless told otherwise. */
describe.each([{ disable: [] }, { disable: ['image-by-image'] }])('a batch, with %o', ({ disable }) => {
  it.each([
    {},
    { multiLabel: true, scoreThreshold: 0.05 },
    { classAgnostic: true, iouThreshold: 0.1, maxDetections: 3 },
  ])('gives each image what it has by itself: %o', async (options) => {
    const detector = await load({ disable });
    const images = scenes(6);
    const results = await detector.detect(images, options);
    expect(results.map(({ batchSize }) => batchSize)).toEqual(images.map(() => 6));
    const expected = await oneByOne(detector, images, options);
    expect(expected.every(({ detections }) => detections.length > 0)).toBe(true);
    expect(results.map(found)).toEqual(expected);
    detector.dispose();
  });

  it('takes bytes and textures side by side', async () => {
    const detector = await load({ disable });
    const { device } = await testDevice();
    const usage = TextureUsage.textureBinding | TextureUsage.copyDestination;
    const texture = device.createTexture({ format: 'rgba8unorm', size: [16, 16], usage });
    const green = new Uint8Array(16 * 16 * 4).map((_, i) => COLOURS.green[i % 4] ?? 255);
    device.queue.writeTexture({ texture }, green, { bytesPerRow: 64 }, [16, 16]);
    const images = [scene(1), texture, scene(2), texture];
    const labels = (await detector.detect(images)).map(
      ({ detections }) => new Set(detections.map(({ label }) => label)),
    );
    expect(labels[1]).toEqual(new Set(['green']));
    expect(labels[3]).toEqual(labels[1]);
    detector.dispose();
  });

  it('is split where it is larger than asked for', async () => {
    const detector = await load({ disable, maxBatch: 3 });
    expect(detector.batching).toEqual({ largest: 3 });
    const images = scenes(7);
    const results = await detector.detect(images);
    expect(results.map(({ batchSize }) => batchSize)).toEqual([3, 3, 3, 3, 3, 3, 1]);
    expect(results.map(found)).toEqual(await oneByOne(detector, images));
    detector.dispose();
  });

  it('fails whole where one of its images is none', async () => {
    const detector = await load({ disable });
    const bad = { data: new Uint8Array(5), width: 2, height: 2 };
    await expect(detector.detect([scene(0), bad])).rejects.toThrow(InvalidImageError);
    expect((await detector.detect([scene(0), scene(1)])).map(found)).toEqual(
      await oneByOne(detector, [scene(0), scene(1)]),
    );
    detector.dispose();
  });

  it('finds in pictures what each shows by itself', async () => {
    const images = await Promise.all(
      [1, 2, 3].map((scene) =>
        readImage(fileURLToPath(new URL(`../../examples/images/scene-${scene}.jpg`, import.meta.url))),
      ),
    );
    const detector = await Detector.load(undefined, { disable, device: await testDevice() });
    const results = await detector.detect(images);
    expect(results.map(({ batchSize }) => batchSize)).toEqual([3, 3, 3]);
    expect(results.map(found)).toEqual(await oneByOne(detector, images));
    detector.dispose();
  });
});

describe('images that can not go through together', () => {
  const together = { disable: ['image-by-image'] };

  it('is no batch where the network mixes images, which the detector says', async () => {
    const detector = await load(together, mixing());
    expect(detector.batching).toEqual({ largest: 8 });
    const images = scenes(3);
    const results = await detector.detect(images);
    expect(results.map(({ batchSize }) => batchSize)).toEqual([1, 1, 1]);
    expect(detector.batching.largest).toBe(1);
    expect(detector.batching.reason).toMatch(/picked \(gather\): its indices are computed from the image/);
    expect(results.map(found)).toEqual(await oneByOne(detector, images));
    detector.dispose();
  });

  it('is smaller where the device binds less, which the detector says', async () => {
    // An input of 64 x 64 pixels, 4 channels of float32, is 64 KiB.
    const detector = await load({
      ...together,
      device: limitedDevice(await testDevice(), 2.5 * 2 ** 16),
      precision: 'float32',
    });
    const images = scenes(5);
    const results = await detector.detect(images);
    expect(results.map(({ batchSize }) => batchSize)).toEqual([2, 2, 2, 2, 1]);
    expect(detector.batching).toEqual({ largest: 2, reason: expect.stringMatching(/binds at most 0\.2 MiB/) });
    expect(results.map(found)).toEqual(await oneByOne(detector, images));
    detector.dispose();
  });

  it('has sensible bounds', async () => {
    for (const options of [{ maxBatch: 0 }, { maxBatch: 2.5 }, { framesInFlight: 0 }, { framesInFlight: 17 }]) {
      await expect(load(options)).rejects.toThrow(InvalidArgumentError);
    }
    const { graph, contract } = colourDetector();
    await expect(load({}, { graph: setBatch(graph, 2), contract })).rejects.toThrow(UnsupportedModelError);
  });
});

const models = sharedPath('models');
const photos = sharedPath('images/photos');
/** Of different shapes. */
const PHOTOS = ['bus.jpg', 'dog.jpg'];

describe.skipIf(!models || !photos)('a batch of an exported network (needs ../shared)', () => {
  it.each(['yolox-nano', 'yolov5n-fp16', 'yolov8n', 'yolov10n', 'yolo11n', 'yolo26n'])(
    'gives the raw outputs of %s that its images give by themselves',
    async (name) => {
      const options = { device: await testDevice(), precision: 'float32' } as const;
      const batch = await loadModel(`${models}/${name}.onnx`, { ...options, batch: 2, disable: ['image-by-image'] });
      const single = await loadModel(`${models}/${name}.onnx`, options);
      const [{ name: input, dims }] = single.inputs;
      const size = elementCount(dims);
      const data = randomFloats(1, 2 * size).map((value) => (name === 'yolox-nano' ? 127.5 : 0.5) * (value + 1));
      const run = (model: LoadedModel, elements: Float32Array) =>
        model.run({ [input]: { type: 'float32', dims: model.inputs[0].dims, data: elements } });
      const together = await run(batch, data);
      for (const image of [0, 1]) {
        for (const [output, tensor] of Object.entries(
          await run(single, data.subarray(image * size, (image + 1) * size)),
        )) {
          const { length } = tensor.data;
          const own = together[output].data.slice(image * length, (image + 1) * length) as Float32Array;
          const expected = { kind: 'float', shape: tensor.dims, data: tensor.data as Float32Array } as const;
          expectClose({ ...expected, data: own }, expected, 1e-6);
        }
      }
      batch.dispose();
      single.dispose();
    },
  );

  it.each(['yolov8n', 'yolo26n'])('finds on photographs what %s finds on each of them', async (name) => {
    const images = await Promise.all(PHOTOS.map((photo) => readImage(`${photos}/${photo}`)));
    const detector = await Detector.load(`${models}/${name}.onnx`, { device: await testDevice() });
    const results = await detector.detect(images);
    expect(results.map(({ batchSize }) => batchSize)).toEqual(images.map(() => images.length));
    const expected = await oneByOne(detector, images);
    expect(expected.every(({ detections }) => detections.length > 0)).toBe(true);
    expect(results.map(found)).toEqual(expected);
    detector.dispose();
  });
});

/** The colour detector, with its anchors picked by indices that are computed from the image: in fact all, in order. */
function mixing(): Model {
  const { graph, contract } = colourDetector();
  const builder = new GraphBuilder();
  builder.inputs.push(...graph.inputs);
  builder.nodes.push(...graph.nodes);
  const [output] = graph.outputs;
  const [, attributes, anchors] = output.shape;
  const least = { type: 'reduce', function: 'minimum', axes: [0, 1], keepDims: false } as const;
  const whole = builder.apply({ type: 'cast', to: 'int' }, [builder.apply(least, [output], 'least')], 'whole');
  const nothing = builder.apply(binary('multiply'), [whole, builder.ints('zero', [], [0])], 'nothing');
  const numbers = builder.ints(
    'numbers',
    [anchors],
    Array.from({ length: anchors }, (_, anchor) => anchor),
  );
  const indices = builder.apply(binary('add'), [nothing, numbers], 'indices');
  const rows = builder.apply({ type: 'reshape', shape: [attributes, anchors] }, [output], 'rows');
  const picked = builder.apply({ type: 'gather', axis: 1 }, [rows, indices], 'picked');
  const last = builder.apply({ type: 'reshape', shape: output.shape }, [picked], 'last');
  const head = contract.head as DenseHead;
  const moved = { boxes: { ...head.boxes, output: 'last' }, scores: { ...head.scores, output: 'last' } };
  return { graph: builder.finish('mixing', [last]), contract: { ...contract, head: { ...head, ...moved } } };
}

function binary(name: 'multiply' | 'add') {
  return { type: 'binary', function: name } as const;
}

/** The device as one that binds fewer bytes at once. */
function limitedDevice(engineDevice: EngineDevice, maxStorageBufferBindingSize: number): EngineDevice {
  const limits = new Proxy(engineDevice.limits, {
    get: (target, property) =>
      property === 'maxStorageBufferBindingSize' ? maxStorageBufferBindingSize : Reflect.get(target, property),
  });
  const device = new Proxy(engineDevice.device, {
    get(target, property) {
      const value = property === 'limits' ? limits : Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...engineDevice, device, limits };
}
