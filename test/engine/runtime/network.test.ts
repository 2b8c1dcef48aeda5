import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../../engine/errors.ts';
import { executeReference } from '../../../engine/graph/execute.ts';
import type { Graph } from '../../../engine/graph/types.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { PLAN_SWITCHES } from '../../../engine/plan/options.ts';
import type { EngineDevice } from '../../../engine/runtime/device.ts';
import { Network } from '../../../engine/runtime/network.ts';
import { deviceProfile, loadKernels, type SessionOptions } from '../../../engine/runtime/session.ts';
import { testDevice } from '../../support/device.ts';
import { NetworkBuilder } from '../../support/network.ts';
import { attention, head, sampleNetworks, splitAndJoin } from '../../support/sample-networks.ts';
import { expectClose, randomTensor } from '../../support/tensors.ts';

/** Runs an optimised graph on the device and the graph as built through the reference implementations. */
async function expectSame(
  graph: Graph,
  tolerance: number,
  options: SessionOptions,
  device?: EngineDevice,
): Promise<void> {
  const network = await Network.create(runPasses(graph).graph, device ?? (await testDevice()), options);
  const inputs = new Map(graph.inputs.map(({ name, shape }, index) => [name, randomTensor(7 + index, shape)]));
  const expected = executeReference(graph, inputs);
  const given = [...inputs].map(([name, { shape, data }]) => [name, { type: 'float32', dims: shape, data }]);
  // Twice: what the first run leaves behind in shared memory must not show in the second.
  for (let run = 0; run < 2; run++) {
    const results = await network.run(Object.fromEntries(given));
    graph.outputs.forEach(({ name, kind, shape }, index) => {
      const { data } = results[name];
      expectClose({ kind, shape, data: data as Float32Array }, expected[index], tolerance);
    });
  }
  network.dispose();
}

describe('Network', () => {
  it.each(sampleNetworks.map((make) => [make().name, make] as const))('%s, float32', async (_, make) => {
    await expectSame(make(), 1e-5, { precision: 'float32' });
  });

  it.each(sampleNetworks.map((make) => [make().name, make] as const))('%s, float16', async (_, make) => {
    await expectSame(make(), 2e-2, { precision: 'float16' });
  });

  it.each(PLAN_SWITCHES)('gives the same without %s', async (name) => {
    // A pipeline for every layer is slow to compile: the smallest network will do.
    const networks = name === 'shared-pipelines' ? [() => splitAndJoin(4)] : sampleNetworks;
    for (const make of networks) await expectSame(make(), 1e-5, { precision: 'float32', disable: [name] });
  });

  it('runs on a device with the core limits and no feature', async () => {
    const device = await testDevice({ limits: 'core', without: ['float16', 'subgroups', 'timestamps'] });
    for (const make of [splitAndJoin, attention, head])
      await expectSame(make(), 1e-5, { precision: 'float32' }, device);
  });

  it('pools a pyramid level by level where the processor computes', async () => {
    const build = new NetworkBuilder();
    const x = build.convolve(build.image(3, 9, 8), 8, 1);
    const pools = build.apply({ type: 'maxPoolPyramid', sizes: [3, 5, 9] }, [x], 'pools');
    const joined = build.apply({ type: 'concat', axis: 1 }, [x, pools], 'joined');
    await expectSame(build.finish('pools', [build.convolve(joined, 4, 1)]), 1e-5, { precision: 'float32' });
  });

  it('runs with the kernels for graphics cards, which are loaded where the adapter is one', async () => {
    const device = await testDevice();
    const hardware = { ...device, adapter: { ...device.adapter, software: false } };
    await loadKernels(hardware);
    expect(deviceProfile(device)).not.toHaveProperty('rankConvolutions');
    expect(deviceProfile(hardware)).toHaveProperty('rankConvolutions');
    const kernels = { prefer: 'gemm' };
    const network = await Network.create(runPasses(splitAndJoin(4)).graph, hardware, { precision: 'float32', kernels });
    const { layers } = network.session.plan;
    expect(layers.length).toBeGreaterThan(0);
    for (const { chosen } of layers) expect(chosen).toMatch(/^gemm/);
    network.dispose();
    await expectSame(splitAndJoin(4), 1e-5, { precision: 'float32', kernels }, hardware);
  });

  it('queues runs that are asked for at once', async () => {
    const graph = splitAndJoin();
    const network = await Network.create(graph, await testDevice(), { precision: 'float32' });
    const inputs = [1, 2, 3].map((seed) => randomTensor(seed, graph.inputs[0].shape));
    const results = await Promise.all(
      inputs.map(({ shape, data }) => network.run({ x: { type: 'float32', dims: shape, data: data as Float32Array } })),
    );
    inputs.forEach((input, index) => {
      const [expected] = executeReference(graph, new Map([['x', input]]));
      const [{ name, kind, shape }] = graph.outputs;
      expectClose({ kind, shape, data: results[index][name].data as Float32Array }, expected, 1e-5);
    });
    network.dispose();
  });

  it('refuses tensors that are missing, unknown or of another shape', async () => {
    const network = await Network.create(splitAndJoin(), await testDevice(), { precision: 'float32' });
    const tensor = (dims: number[]) => ({ type: 'float32' as const, dims, data: new Float32Array(3 * 9 * 11) });
    await expect(network.run({})).rejects.toThrow(/input x is missing/);
    await expect(network.run({ y: tensor([1]) })).rejects.toThrow(/no input y; its inputs are x/);
    await expect(network.run({ x: tensor([1, 3, 11, 9]) })).rejects.toThrow(/is \[1,3,11,9\], the network wants/);
    await expect(network.run({ x: { ...tensor([1, 3, 9, 11]), data: new Float32Array(2) } })).rejects.toThrow(
      InvalidArgumentError,
    );
    network.dispose();
  });

  it('names an optimisation that does not exist', async () => {
    const creating = Network.create(splitAndJoin(), await testDevice(), { precision: 'float32', disable: ['speed'] });
    await expect(creating).rejects.toThrow(/no optimisation 'speed'; the planner's are zero-copy-concat/);
  });
});

describe('profile', () => {
  it('times every dispatch of the plan', async () => {
    const graph = splitAndJoin();
    const network = await Network.create(graph, await testDevice(), { precision: 'float32' });
    const { shape, data } = randomTensor(3, graph.inputs[0].shape);
    const profile = await network.profile({ x: { type: 'float32', dims: shape, data: data as Float32Array } }, 2);
    expect(profile.map(({ kernel }) => kernel)).toEqual(network.session.plan.steps.map(({ kernel }) => kernel.label));
    for (const { microseconds, roofline, rooflineShare, bytes } of profile) {
      expect(roofline.flopsPerSecond).toBeGreaterThan(0);
      expect(roofline.bytesPerSecond).toBeGreaterThan(0);
      expect(microseconds).toBeGreaterThanOrEqual(0);
      expect(rooflineShare).toBeGreaterThanOrEqual(0);
      expect(rooflineShare).toBeLessThanOrEqual(1);
      expect(bytes).toBeGreaterThan(0);
    }
    network.dispose();
  });
});

describe('stages', () => {
  const stagesOn = async (device: EngineDevice) => {
    const network = await Network.create(splitAndJoin(), device, { precision: 'float32' });
    const { shape, data } = randomTensor(3, [1, 3, 9, 11]);
    const inputs = { x: { type: 'float32' as const, dims: shape, data: data as Float32Array } };
    const before = await network.run(inputs);
    const stages = await network.stages(inputs, 2);
    expect(await network.run(inputs)).toEqual(before);
    network.dispose();
    return stages;
  };

  it('times each stage of a run', async () => {
    const stages = await stagesOn(await testDevice());
    expect(Object.keys(stages)).toEqual(['uploadMs', 'encodeMs', 'gpuMs', 'readbackMs', 'totalMs']);
    for (const time of Object.values(stages)) expect(time).toBeGreaterThanOrEqual(0);
  });

  it("leaves out the GPU's own time where the device can't tell it", async () => {
    const stages = await stagesOn(await testDevice({ without: ['timestamps'] }));
    expect(Object.keys(stages)).toEqual(['uploadMs', 'encodeMs', 'readbackMs', 'totalMs']);
  });
});
