import { describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../../engine/errors.ts';
import { executeReference } from '../../../engine/graph/execute.ts';
import type { Graph } from '../../../engine/graph/types.ts';
import { setBatch } from '../../../engine/passes/set-batch.ts';
import { createBatchSession } from '../../../engine/runtime/batch-session.ts';
import { PipelineCache } from '../../../engine/runtime/dispatch.ts';
import { Network } from '../../../engine/runtime/network.ts';
import { createSession } from '../../../engine/runtime/session.ts';
import { weightsOf } from '../../../engine/runtime/shared-weights.ts';
import { testDevice } from '../../support/device.ts';
import { sampleNetworks } from '../../support/sample-networks.ts';
import { expectClose, randomTensor } from '../../support/tensors.ts';

/** Twice: what the first run leaves behind in shared memory must not show in the second. */
async function expectSameAsReference(network: Network, graph: Graph): Promise<void> {
  for (const seed of [7, 70]) {
    const inputs = new Map(graph.inputs.map(({ name, shape }, index) => [name, randomTensor(seed + index, shape)]));
    const expected = executeReference(graph, inputs);
    const given = [...inputs].map(([name, { shape, data }]) => [name, { type: 'float32', dims: shape, data }]);
    const results = await network.run(Object.fromEntries(given));
    graph.outputs.forEach(({ name, kind, shape }, index) => {
      expectClose({ kind, shape, data: results[name].data as Float32Array }, expected[index], 1e-5);
    });
  }
  network.dispose();
}

describe('sessions for one network', () => {
  it.each(sampleNetworks.map((make) => [make().name, make] as const))('share weights: %s', async (_, make) => {
    const graph = make();
    const device = await testDevice();
    const cache = new PipelineCache(device.device);
    const first = await createSession(graph, device, cache, { precision: 'float32' });
    const batched = setBatch(graph, 2);
    const network = await Network.create(
      batched,
      device,
      { precision: 'float32', borrow: (plan) => weightsOf(first, plan) },
      cache,
    );
    const { session } = network;
    expect(session.bytes).toBeLessThan(session.plan.memory.activations + session.plan.weightBytes);
    await expectSameAsReference(network, batched);
    first.dispose();
  });

  it.each([{ disable: [] }, { disable: ['image-by-image'] }])('run several images, with %o', async ({ disable }) => {
    const device = await testDevice();
    for (const make of sampleNetworks) {
      const graph = make();
      const options = { precision: 'float32', disable } as const;
      const cache = new PipelineCache(device.device);
      const single = await createSession(graph, device, cache, options);
      const session = await createBatchSession(graph, 3, device, cache, options);
      const oneByOne = device.adapter.software && disable.length === 0;
      expect(session.plan.steps.length === 3 * single.plan.steps.length).toBe(oneByOne);
      expect(session.dispatches).toHaveLength(session.plan.steps.length);
      single.dispose();
      await expectSameAsReference(await Network.over(session), setBatch(graph, 3));
    }
  });

  it('do not share what differs', async () => {
    const [make] = sampleNetworks;
    const graph = make();
    const device = await testDevice();
    const cache = new PipelineCache(device.device);
    const first = await createSession(graph, device, cache, { precision: 'float32' });
    // The same names with other numbers.
    const other = {
      ...graph,
      nodes: graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((value) =>
          value.constant ? { ...value, constant: value.constant.map((x) => x + 1) as Float32Array } : value,
        ),
      })),
    };
    const alone = await createSession(other, device, cache, { precision: 'float32' });
    const beside = await createSession(other, device, cache, {
      precision: 'float32',
      borrow: (plan) => weightsOf(first, plan),
    });
    expect(beside.bytes).toBe(alone.bytes);
    for (const session of [first, alone, beside]) session.dispose();
  });
});

it('refuses a plan whose buffers the device does not have', async () => {
  const [make] = sampleNetworks;
  const engineDevice = await testDevice();
  const limits = { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 27 };
  const device = new Proxy(engineDevice.device, {
    get(target, property) {
      const value = property === 'limits' ? limits : Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const create = () =>
    createSession(make(), { ...engineDevice, device }, new PipelineCache(device), { precision: 'float32' });
  const session = await create();
  // Each tensor has room, and those that share a buffer don't.
  limits.maxBufferSize = Math.max(...session.plan.pools) - 4;
  limits.maxStorageBufferBindingSize = limits.maxBufferSize;
  session.dispose();
  await expect(create()).rejects.toThrow(OutOfMemoryError);
});
