import { describe, expect, it } from 'vitest';
import {
  dispatchSize,
  FLAT_INDEX,
  flatDispatch,
  flatLoop,
  WORKGROUP_INDEX,
  workgroupDispatch,
} from '../../shaders/dispatch-size.ts';
import type { Kernel } from '../../shaders/kernel.ts';
import { testDevice } from '../support/device.ts';
import { Memory, runOnMemory } from '../support/memory.ts';

describe('dispatchSize', () => {
  it('covers every count with workgroups that no device refuses', () => {
    for (const count of [0, 1, 63, 64, 65, 65535 * 64, 65535 * 64 + 1, 123456789]) {
      const [x, y, z] = dispatchSize(count, 64);
      expect(x).toBeLessThanOrEqual(65535);
      expect(y).toBeLessThanOrEqual(65535);
      expect(z).toBe(1);
      expect(x * y * 64).toBeGreaterThanOrEqual(count);
      expect((x - 1) * y * 64).toBeLessThan(Math.max(count, 1));
    }
    expect(() => dispatchSize(2 ** 40, 64)).toThrow(RangeError);
  });
});

/** Runs a kernel that is to add 1 to y[index] for every index below `count`. */
async function visits(kernel: Omit<Kernel, 'label' | 'bindings'>, count: number): Promise<number[]> {
  const { device } = await testDevice();
  const memory = new Memory('u32', count + 8);
  memory.elements.fill(0);
  const bindings = [{ name: 'y', element: 'u32', vector: 1, access: 'write' }] as const;
  await runOnMemory(device, { label: 'visits', bindings, ...kernel }, [memory]);
  return Array.from(memory.elements);
}

const once = (count: number, size: number) => Array.from({ length: size }, (_, i) => (i < count ? 1 : 0));

describe('numbered invocations', () => {
  it.each([1, 63, 65, 1000])('are each of %s', async (count) => {
    const body = `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  y[index] += 1u;
}`;
    const counts = await visits({ ...flatDispatch(count, 64), workgroupSize: [64, 1, 1], body }, count);
    expect(counts).toEqual(once(count, counts.length));
  });

  it.each([1, 255, 257, 1000])('of a loop are each of %s', async (count) => {
    const { main, ...kernel } = flatLoop(count, 'y[index] += 1u;');
    const counts = await visits({ ...kernel, body: main }, count);
    expect(counts).toEqual(once(count, counts.length));
  });

  it('go on in further rows beyond 65535 workgroups', async () => {
    const count = 2 * 65535 + 5;
    const body = `@main
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  ${WORKGROUP_INDEX}
  y[index] += 1u;
}`;
    const dispatch = workgroupDispatch(count);
    expect(dispatch.workgroups).toEqual([43692, 3, 1]);
    const counts = await visits({ ...dispatch, workgroupSize: [1, 1, 1], body }, count);
    expect(counts).toEqual(once(count, counts.length));
  });
});
