import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../engine/graph/types.ts';
import { assignPrecision } from '../../../engine/passes/assign-precision.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { type DeviceProfile, planSwitches } from '../../../engine/plan/options.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { rankConvolutions } from '../../../shaders/hardware-convolutions.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { attention, head, pyramid, sampleNetworks, splitAndJoin } from '../../support/sample-networks.ts';

const device: DeviceProfile = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, maxBindingBytes: 2 ** 27 };

function compile(graph: Graph, disable: readonly string[] = [], profile = device): Plan {
  const optimised = runPasses(graph).graph;
  return compilePlan(optimised, assignPrecision(optimised, 'float32'), profile, planSwitches(disable));
}

function operators(plan: Plan): string[] {
  return plan.steps.map(({ operator }) => operator);
}

describe('compilePlan', () => {
  it('joins without copies where the parts begin at multiples of 4 channels', () => {
    expect(operators(compile(splitAndJoin(8)))).toEqual(new Array(6).fill('conv2d'));
    expect(operators(compile(pyramid()))).not.toContain('copy');
    expect(compile(splitAndJoin(8)).notes).toEqual([]);
  });

  it('copies elsewhere, and says so', () => {
    const plan = compile(splitAndJoin(6));
    expect(operators(plan)).toContain('copy');
    expect(plan.notes.join('\n')).toMatch(/slice of a concatenation is no whole number of vec4s/);
  });

  it('copies every part when told not to write in place', () => {
    const plan = compile(pyramid(), ['zero-copy-concat']);
    const parts = operators(plan).filter((operator) => operator === 'copy');
    expect(parts.length).toBe(4 + 2 + 2);
  });

  it('writes levels straight into their stretch of the anchors', () => {
    // Of the head's joined levels, [16 + 3 channels] twice, nothing moves: the last part may have any number of channels.
    expect(compile(head()).notes.filter((note) => /level|anchors/.test(note))).toEqual([]);
  });

  it('computes a chain of elementwise nodes in one dispatch', () => {
    const fused = operators(compile(head())).length;
    const single = operators(compile(head(), ['fuse-elementwise'])).length;
    expect(fused).toBeLessThan(single);
  });

  it('never binds one buffer for reading and writing, but for one allocation', () => {
    for (const make of sampleNetworks) {
      const { steps, allocations } = compile(make());
      for (const { kernel, tensors } of steps) {
        const written = tensors.filter((_, index) => kernel.bindings[index].access === 'write');
        const read = tensors.filter((_, index) => kernel.bindings[index].access === 'read');
        for (const w of written) {
          for (const r of read.filter((other) => other !== w)) {
            expect(allocations[r].place.pool).not.toBe(allocations[w].place.pool);
          }
        }
      }
    }
  });

  it('runs a convolution of several dispatches one after the other, with memory between them', () => {
    const { steps, layers, allocations } = compile(splitAndJoin(128), [], { ...device, rankConvolutions });
    const split = layers.filter(({ chosen }) => chosen.includes('split'));
    expect(split.length).toBeGreaterThan(0);
    const sums = steps.flatMap(({ kernel }, index) => (kernel.label.includes('sum of') ? [index] : []));
    expect(sums.length).toBe(split.length);
    for (const sum of sums) {
      const [product, addition] = [steps[sum - 1], steps[sum]];
      const scratch = product.tensors[product.kernel.bindings.findIndex(({ access }) => access === 'write')];
      expect(addition.tensors).toContain(scratch);
      expect(addition.tensors.filter((tensor) => allocations[tensor].place === allocations[scratch].place)).toEqual([
        scratch,
      ]);
      // The work that the layer asks for is done once.
      expect([product.flops > 0, addition.flops]).toEqual([true, 0]);
    }
  });

  it('shares memory between tensors that never live together', () => {
    const shared = compile(pyramid()).memory;
    const unshared = compile(pyramid(), ['memory-reuse']).memory;
    expect(shared.activations).toBeLessThan(unshared.activations);
    expect(shared.activations).toBeGreaterThanOrEqual(shared.lowerBound);
    expect(unshared.activations).toBeGreaterThanOrEqual(unshared.unshared);
  });

  it('gives the same plan for the same graph', () => {
    expect(JSON.stringify(compile(attention()))).toBe(JSON.stringify(compile(attention())));
  });

  it('names a tensor that no binding can hold', () => {
    expect(() => compile(pyramid(), [], { ...device, maxBindingBytes: 1000 })).toThrow(
      /tensor .* takes .* MiB and this device binds at most/,
    );
  });
});
