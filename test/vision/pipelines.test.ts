import { describe, expect, it } from 'vitest';
import { AbortError, InvalidArgumentError } from '../../engine/errors.ts';
import { convolutionCandidates } from '../../engine/plan/rules/convolution.ts';
import type { EngineDevice } from '../../engine/runtime/device.ts';
import { PipelineCache } from '../../engine/runtime/dispatch.ts';
import { createSession, deviceProfile } from '../../engine/runtime/session.ts';
import { checkImage } from '../../engine/vision/image.ts';
import { letterboxGeometry } from '../../engine/vision/letterbox.ts';
import { openModel, type ResizableModel } from '../../engine/vision/open-model.ts';
import { DetectionPipeline } from '../../engine/vision/pipeline.ts';
import { PipelineStore, PLANS_KEPT } from '../../engine/vision/pipelines.ts';
import { sidesOf } from '../../models/input-size.ts';
import { Detector } from '../../node.ts';
import { colourDetector, type Patch, painted, patchesOf } from '../support/colour-detector.ts';
import { testDevice } from '../support/device.ts';

const FRAME = { scoreThreshold: 0.25, iouThreshold: 0.7, maxDetections: 9, classAgnostic: false, multiLabel: false };

/** The colour detector in any size, and the sizes that it was built for. */
function resizable(): { model: ResizableModel; sizes: number[] } {
  const sizes: number[] = [];
  const resize: ResizableModel['resize'] = async (inputSize) => {
    const [size] = sidesOf('colours', inputSize);
    if (size % 8 !== 0) throw new InvalidArgumentError(`${size} is no multiple of 8`);
    sizes.push(size);
    return colourDetector({}, size);
  };
  return { model: { ...colourDetector(), resize }, sizes };
}

/** A device that counts the pipelines made for it, by their frames' settings, and those that were freed. */
function watchedDevice(engineDevice: EngineDevice) {
  const counts = { made: 0, freed: 0 };
  const device = new Proxy(engineDevice.device, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (property !== 'createBuffer') return value.bind(target);
      return (descriptor: GPUBufferDescriptor) => {
        const buffer = target.createBuffer(descriptor);
        if (descriptor.label !== 'frame settings') return buffer;
        counts.made++;
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
          counts.freed++;
          return destroy();
        };
        return buffer;
      };
    },
  });
  return { device: { ...engineDevice, device }, counts };
}

async function createStore(maxBatch = 16) {
  const { device, counts } = watchedDevice(await testDevice());
  const { model, sizes } = resizable();
  const options = { precision: 'float32', timestamps: false, framesInFlight: 2, maxBatch } as const;
  const session = await createSession(model.graph, device, new PipelineCache(device.device), options);
  const first = await DetectionPipeline.create(session, model.contract, options);
  return { store: new PipelineStore(model, first, options), first, counts, sizes };
}

/** As many images as the pipeline takes, each with a patch in a cell of its own. */
async function detectPatches(pipeline: DetectionPipeline): Promise<void> {
  const { limits } = await testDevice();
  const { width, height } = pipeline.contract.input;
  const images = Array.from({ length: pipeline.images }, (_, cell) => {
    const image = checkImage(painted(width, height, [{ box: [8 * cell, 0, 8 * cell + 8, 8], colour: 'blue' }]), limits);
    return { image, geometry: letterboxGeometry(width, height, pipeline.contract.input) };
  });
  const { detections } = await pipeline.run(images, FRAME);
  expect(detections.map((found) => found.map(({ box }) => box))).toEqual(
    images.map((_, cell) => [[8 * cell, 0, 8 * cell + 8, 8]]),
  );
}

const nothing = async () => {};

describe('PipelineStore', () => {
  it('makes a pipeline once for each size', async () => {
    const { store, counts, sizes } = await createStore();
    expect(counts.made).toBe(1);
    for (let round = 0; round < 2; round++) {
      await store.use(1, undefined, detectPatches);
      await store.use(1, 64, detectPatches);
      await store.use(3, undefined, detectPatches);
      await store.use(3, [128, 128], detectPatches);
      await store.use(1, 128, detectPatches);
    }
    expect(counts).toEqual({ made: 4, freed: 0 });
    expect(sizes).toEqual([128]);
    store.dispose();
  });

  it('has the kernels that were chosen for the first pipeline', async () => {
    const device = await testDevice();
    const model = await openModel(undefined, { inputSize: 64 });
    const options = { precision: 'float32', timestamps: false, framesInFlight: 1, maxBatch: 2 } as const;
    const session = await createSession(model.graph, device, new PipelineCache(device.device), options);
    const [layer, other] = session.plan.layers.flatMap((each) => {
      const names = convolutionCandidates(each.operator, each.spec, deviceProfile(device)).map(({ name }) => name);
      return names.filter((name) => name !== each.chosen).map((name) => [each, name] as const);
    })[0];
    const first = await DetectionPipeline.create(session, model.contract, options);
    const kernels = { pins: new Map([[layer.node, other]]) };
    const store = new PipelineStore(model, first, { ...options, chooser: { kernels } });
    const chosen = await store.use(
      2,
      undefined,
      async (pipeline) => pipeline.session.plan.layers.find(({ node }) => node === layer.node)?.chosen,
    );
    expect(chosen).toBe(other);
    store.dispose();
    first.dispose();
  });

  it('keeps what was used last', async () => {
    const { store, first, counts } = await createStore();
    const sizes = Array.from({ length: PLANS_KEPT }, (_, index) => index + 2);
    for (const images of sizes) await store.use(images, undefined, nothing);
    await store.use(sizes[0], undefined, nothing);
    expect(counts).toEqual({ made: 1 + PLANS_KEPT, freed: 0 });
    await store.use(9, undefined, nothing);
    await store.use(sizes[0], undefined, nothing);
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(counts).toEqual({ made: 2 + PLANS_KEPT, freed: 1 });
    await store.use(sizes[1], undefined, detectPatches);
    expect(counts.made).toBe(3 + PLANS_KEPT);
    store.dispose();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(counts.freed).toBe(counts.made - 1);
    await detectPatches(first);
  });

  it('lets what it no longer keeps finish its frames', async () => {
    const { store, counts } = await createStore();
    const sizes = Array.from({ length: 2 * PLANS_KEPT }, (_, index) => index + 1);
    await Promise.all(sizes.map((images) => store.use(images, undefined, detectPatches)));
    expect(counts).toEqual({ made: sizes.length, freed: sizes.length - 1 - PLANS_KEPT });
    store.dispose();
  });

  it('tries again what failed', async () => {
    const { store, sizes } = await createStore();
    await expect(store.use(1, 100, nothing)).rejects.toThrow('100 is no multiple of 8');
    await expect(store.use(2, 100, nothing)).rejects.toThrow('100 is no multiple of 8');
    await store.use(1, 72, detectPatches);
    expect(sizes).toEqual([72]);
    store.dispose();
  });

  it('fits as many images as it may', async () => {
    const { store, counts } = await createStore(4);
    expect(await store.fit(0, undefined)).toBe(1);
    expect(await store.fit(1, 128)).toBe(1);
    expect(counts.made).toBe(1);
    expect(await store.fit(3, undefined)).toBe(3);
    expect(await store.fit(5, undefined)).toBe(4);
    expect(store.batching).toEqual({ largest: 4 });
    store.dispose();
  });

  it('makes nothing once it is disposed of', async () => {
    const { store, counts } = await createStore();
    store.dispose();
    await expect(store.use(2, undefined, nothing)).rejects.toThrow(AbortError);
    expect(counts).toEqual({ made: 1, freed: 0 });
  });
});

describe('Detector.detect with an input size', () => {
  const patches: Patch[] = [{ box: [0, 0, 8, 8], colour: 'green' }];
  const image = painted(128, 128, patches);

  it('sees smaller things in a larger input', async () => {
    const detector = await Detector.create(resizable().model, { device: await testDevice() });
    // A patch of 8 x 8 pixels is a quarter of a cell in the detector's own input.
    expect(patchesOf(await detector.detect(image, { scoreThreshold: 0.5 }))).toEqual([]);
    const larger = { scoreThreshold: 0.5, inputSize: 128 };
    expect(patchesOf(await detector.detect(image, larger))).toEqual(patches);
    expect((await detector.detect([image, image], larger)).map(patchesOf)).toEqual([patches, patches]);
    expect(patchesOf(await detector.detect(image, { scoreThreshold: 0.5 }))).toEqual([]);
    await expect(detector.detect(image, { inputSize: 100 })).rejects.toThrow(InvalidArgumentError);
    await expect(detector.detect(image, { inputSize: 10_000 })).rejects.toThrow(InvalidArgumentError);
    detector.dispose();
  });

  it('compiles while other frames are on their way', async () => {
    const detector = await Detector.create(resizable().model, { device: await testDevice() });
    const own = painted(64, 64, patches);
    const results = await Promise.all(
      [undefined, 128, undefined, 72, undefined, 128].map((inputSize) => detector.detect(own, { inputSize })),
    );
    expect(results.map((result) => result.detections[0].label)).toEqual(results.map(() => 'green'));
    detector.dispose();
  });

  it('refuses a size where the detector has a graph only', async () => {
    const detector = await Detector.create(colourDetector(), { device: await testDevice() });
    await expect(detector.detect(image, { inputSize: 128 })).rejects.toThrow(/made from a graph of one size/);
    expect((await detector.detect(image, { inputSize: 64 })).width).toBe(128);
    detector.dispose();
  });

  it('loads the network for sizes that it takes, and says so of others', async () => {
    const detector = await Detector.load(undefined, { device: await testDevice() });
    await expect(detector.detect(image, { inputSize: 100 })).rejects.toThrow(/not a multiple of the network's stride/);
    expect((await detector.detect(image, { inputSize: 96 })).batchSize).toBe(1);
    detector.dispose();
  });

  it('ends with AbortError when the detector is disposed of while it compiles', async () => {
    const detector = await Detector.create(resizable().model, { device: await testDevice() });
    const pending = [detector.detect(image, { inputSize: 128 }), detector.detect([image, image])];
    detector.dispose();
    for (const outcome of await Promise.allSettled(pending)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AbortError) });
    }
  });
});
