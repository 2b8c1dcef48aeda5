import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compilePlan } from '../../../engine/plan/compile.ts';
import { rulesFor } from '../../../engine/plan/lowering-rules.ts';
import { planSwitches } from '../../../engine/plan/options.ts';
import { convolutionCandidates } from '../../../engine/plan/rules/convolution.ts';
import { emptyTable, printTable, type TuningTable, tuningConditions } from '../../../engine/plan/tuning-table.ts';
import { layerOfKey } from '../../../examples/kernel-study/layer-of-key.ts';
import { groupRegrets, regretOf } from '../../../examples/kernel-study/regret.ts';
import { fromRoot } from '../../../scripts/support/paths.mjs';
import { convolutionKey, KERNELS_VERSION } from '../../../shaders/conv-candidate.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';
import { temporaryFolder } from '../../support/cli.ts';
import { NetworkBuilder } from '../../support/network.ts';
import { sampleNetworks } from '../../support/sample-networks.ts';

const device = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, maxBindingBytes: 2 ** 27 };
const adapter = { vendor: 'acme', architecture: 'one', device: 'a1', description: 'Acme One' };
const folder = temporaryFolder();

function variedNetwork() {
  const build = new NetworkBuilder();
  const x = build.image(12, 16, 20);
  const gelu = { epilogue: [{ name: 'gelu' }] } as const;
  const leaky = { epilogue: [{ name: 'leakyRelu', alpha: 0.2 }] } as const;
  const wide = build.convolve(x, 24, 3, { ...gelu, strides: [2, 1], pads: [1, 0, 1, 2] });
  const dilated = build.convolve(wide, 24, 3, { dilations: [2, 2], pads: [2, 2, 2, 2] });
  const depthwise = build.convolve(dilated, 24, 5, { groups: 24, ...leaky });
  return build.finish('varied', [build.convolveTransposed(build.convolve(depthwise, 8, 1, { groups: 2 }), 16)]);
}

describe('layerOfKey', () => {
  it('knows the layer again, and the kernels that it has', async () => {
    for (const make of [variedNetwork, ...sampleNetworks]) {
      const graph = make();
      const rules = await rulesFor(graph);
      for (const precision of ['float32', 'float16'] as const) {
        const precisions = new Map(
          graph.nodes.flatMap(({ outputs }) => outputs.map((value) => [value, precision] as const)),
        );
        const { layers } = compilePlan(graph, precisions, device, planSwitches(), {}, rules);
        for (const { key, operator, spec } of layers) {
          const layer = layerOfKey(key);
          expect(convolutionKey(layer.operator, layer.spec)).toBe(key);
          const names = (of: typeof layer) =>
            convolutionCandidates(of.operator, of.spec, device).map(({ name }) => name);
          expect(names(layer)).toEqual(names({ operator, spec }));
        }
      }
    }
  });

  it.each([
    '',
    'conv3d 1x3x4x4>8x4x4 k1x1 s1x1 p0.0.0.0 f32',
    'conv2d 1x3x4x4 k1x1 s1x1 p0.0.0.0 f32',
    'conv2d 1x3x4x4>8x4x4 f32',
  ])('refuses "%s"', (text) => {
    expect(() => layerOfKey(text)).toThrow("is no layer's key");
  });
});

describe('regret', () => {
  const layer = 'conv2d 1x32x40x40>32x40x40 k3x3 s1x1 p1.1.1.1 f32 silu';
  const other = 'conv2d 1x64x40x40>64x40x40 k1x1 s1x1 p0.0.0.0 f32 silu';
  const imagined = 'imagined 8x8';
  const [untuned] = convolutionCandidates('conv2d', layerOfKey(layer).spec, device).map(({ name }) => name);
  const [otherUntuned] = convolutionCandidates('conv2d', layerOfKey(other).spec, device).map(({ name }) => name);
  const table: TuningTable = {
    ...emptyTable(tuningConditions(KERNELS_VERSION, 'shared', adapter, device)),
    layers: {
      [layer]: { winner: imagined, microseconds: { [untuned]: 300, [imagined]: 200, broken: null } },
      [other]: { winner: otherUntuned, microseconds: { [otherUntuned]: 100, slow: 500 } },
    },
  };

  it('is what the untuned choice takes beyond the fastest', () => {
    const { layers, unknown } = regretOf(table);
    expect(layers.map(({ untunedTime, bestTime }) => [untunedTime, bestTime])).toEqual([
      [300, 200],
      [100, 100],
    ]);
    expect(unknown).toEqual([]);
    const [all] = groupRegrets(layers, () => 'all');
    expect(all).toMatchObject({
      layers: 2,
      bestTime: 300,
      winners: [
        [imagined, 1],
        [otherUntuned, 1],
      ],
    });
    expect(all.regret).toBeCloseTo(1 / 3);
    const classes = groupRegrets(layers, ({ layerClass }) => layerClass);
    expect(classes.map(({ name, regret }) => [name, regret])).toEqual([
      ['3x3 stride 1, middling map, many channels', 0.5],
      ['1x1 stride 1, middling map, many channels', 0],
    ]);
  });

  it('is unknown where the untuned choice was not timed', () => {
    const layers = { [layer]: { winner: imagined, microseconds: { [imagined]: 200 } } };
    expect(regretOf({ ...table, layers })).toEqual({ layers: [], unknown: [layer] });
  });

  it('is printed for tables in files', () => {
    const file = join(folder, 'table.json');
    writeFileSync(file, printTable(table));
    const printed = execFileSync(process.execPath, [fromRoot('examples/kernel-study/fit.mjs'), file], {
      encoding: 'utf8',
    });
    expect(printed).toMatch(/^\nAcme One: 2 distinct layers\n/);
    expect(printed).toMatch(/\nall layers +2 +33\.3 % +0\.30 /);
  });
});
