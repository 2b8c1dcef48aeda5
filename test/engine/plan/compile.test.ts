import { describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../../engine/errors.ts';
import type { Graph } from '../../../engine/graph/types.ts';
import { assignPrecision } from '../../../engine/passes/assign-precision.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { furtherRules } from '../../../engine/plan/further-rules.ts';
import { Lowering } from '../../../engine/plan/lowering.ts';
import { commonRules, rulesFor } from '../../../engine/plan/lowering-rules.ts';
import { alignBytes } from '../../../engine/plan/memory.ts';
import { type DeviceProfile, planSwitches } from '../../../engine/plan/options.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { rankConvolutions } from '../../../shaders/hardware-convolutions.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { NetworkBuilder } from '../../support/network.ts';
import { attention, head, pyramid, sampleNetworks, splitAndJoin } from '../../support/sample-networks.ts';

const device: DeviceProfile = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, maxBindingBytes: 2 ** 27 };

function compile(graph: Graph, disable: readonly string[] = [], profile = device): Plan {
  const optimised = runPasses(graph).graph;
  const rules = { ...commonRules, ...furtherRules };
  return compilePlan(optimised, assignPrecision(optimised, 'float32'), profile, planSwitches(disable), {}, rules);
}

function operators(plan: Plan): string[] {
  return plan.steps.map(({ operator }) => operator);
}

describe('rulesFor', () => {
  it('gives the common rules to graphs that need no others', async () => {
    expect(await rulesFor(splitAndJoin())).toBe(commonRules);
    expect(await rulesFor(pyramid())).toEqual({ ...commonRules, ...furtherRules });
  });

  it('is missed where a graph needs it', () => {
    const graph = pyramid();
    const compiling = () => compilePlan(graph, assignPrecision(graph, 'float32'), device, planSwitches());
    expect(compiling).toThrow('none of the rules is for resize2d');
  });
});

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
    expect(parts.length).toBe(2 + 2 + 2);
  });

  it('writes levels straight into their stretch of the anchors', () => {
    // Of the head's joined levels, [16 + 3 channels] twice, nothing moves: the last part may have any number of channels.
    expect(compile(head()).notes.filter((note) => /level|anchors/.test(note))).toEqual([]);
  });

  it('computes a chain of elementwise nodes in one dispatch', () => {
    const spelledOut = runPasses(head(), { disabled: ['recognize-distance-boxes'] }).graph;
    const rules = { ...commonRules, ...furtherRules };
    const [fused, single] = [[], ['fuse-elementwise']].map((disable) => {
      return operators(compilePlan(spelledOut, new Map(), device, planSwitches(disable), {}, rules)).length;
    });
    expect(fused).toBeLessThan(single);
  });

  it('reads and writes one pool in a dispatch only where it may, and says how often', () => {
    for (const make of sampleNetworks) {
      for (const disable of [[], ['shared-pools']]) {
        const { steps, allocations, notes } = compile(make(), disable);
        const sharing = steps.filter(({ kernel, tensors }) => {
          const placed = tensors.map((index, binding) => ({ index, access: kernel.bindings[binding].access }));
          const poolOf = ({ index }: { index: number }) => allocations[index].place.pool;
          const written = placed.filter(({ access }) => access === 'write');
          return placed.some((r) =>
            written.some((w) => w.index !== r.index && w.access !== r.access && poolOf(w) === poolOf(r)),
          );
        }).length;
        if (disable.length > 0) expect(sharing).toBe(0);
        const note = `${sharing} of ${steps.length} dispatches read and write one pool`;
        expect(notes.filter((text) => text.includes('one pool'))).toEqual(sharing > 0 ? [note] : []);
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

  describe('on a device with small bindings', () => {
    const limited = (maxBindingBytes: number) => ({ ...device, maxBindingBytes });

    it('names the input that none holds', () => {
      const build = new NetworkBuilder();
      const graph = build.finish('thin', [build.convolve(build.image(3, 40, 40), 4, 1, { strides: [8, 8] })]);
      expect(() => compile(graph, [], limited(20_000))).toThrow(
        /^tensor x takes 0\.0 MiB and this device binds at most/,
      );
      expect(() => compile(graph, [], limited(40 * 40 * 4 * 4))).not.toThrow();
    });

    it('names the weights that none holds', () => {
      const build = new NetworkBuilder();
      const graph = build.finish('heavy', [build.convolve(build.image(64, 1, 1), 64, 1)]);
      expect(() => compile(graph, [], limited(64 * 64 * 4 - 4))).toThrow(/^tensor weight\d+ takes 0\.0 MiB/);
      expect(() => compile(graph, [], limited(64 * 64 * 4))).not.toThrow();
    });

    it('names the tensor between two dispatches that none holds', () => {
      const build = new NetworkBuilder();
      const wide = build.convolve(build.image(4, 8, 8), 64, 1);
      const graph = build.finish('wide', [build.convolve(wide, 4, 1)]);
      const refusal = new RegExp(`^tensor ${wide.name} takes .* use a smaller input size or float16$`);
      expect(() => compile(graph, [], limited(8 * 8 * 64 * 4 - 4))).toThrow(refusal);
      expect(() => compile(graph, [], limited(8 * 8 * 64 * 4))).not.toThrow();
    });

    it('names what a layer needs beside its tensors', () => {
      const lowering = new Lowering(pyramid(), new Map(), limited(1000), planSwitches(), {});
      expect(() => lowering.allocate('conv0 tiles', 'linear', [251], 'f32')).toThrow(OutOfMemoryError);
      expect(() => lowering.allocate('conv0 tiles', 'linear', [251], 'f32')).toThrow(/^tensor conv0 tiles takes/);
      expect(() => lowering.allocate('conv0 tiles', 'linear', [248], 'f32')).not.toThrow();
    });

    it('opens more pools rather than one that is larger', () => {
      for (const make of sampleNetworks) {
        const { allocations } = compile(make());
        const largest = Math.max(...allocations.map(({ bytes }) => alignBytes(bytes)));
        expect(Math.max(...compile(make(), [], limited(largest)).pools)).toBeLessThanOrEqual(largest);
      }
    });
  });
});
