import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../engine/graph/types.ts';
import { assignPrecision } from '../../../engine/passes/assign-precision.ts';
import { runPasses } from '../../../engine/passes/pipeline.ts';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { furtherRules } from '../../../engine/plan/further-rules.ts';
import { commonRules, rulesFor } from '../../../engine/plan/lowering-rules.ts';
import { type DeviceProfile, planSwitches } from '../../../engine/plan/options.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { attention, head, pyramid, sampleNetworks, splitAndJoin } from '../../support/sample-networks.ts';

const device: DeviceProfile = { float16: true, smallestSubgroup: 8, software: false, maxBindingBytes: 2 ** 27 };

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
