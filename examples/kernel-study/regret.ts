import type { DeviceProfile } from '../../engine/plan/options.ts';
import { convolutionCandidates } from '../../engine/plan/rules/convolution.ts';
import type { TunedLayer, TuningTable } from '../../engine/plan/tuning-table.ts';
import type { ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import { layerOfKey } from './layer-of-key.ts';

/** A layer, the kernel that runs it where nothing was measured, and the one that was measured to be the fastest. */
export interface LayerRegret {
  readonly key: string;
  readonly layerClass: string;
  readonly untuned: string;
  readonly winner: string;
  /** Microseconds. */
  readonly untunedTime: number;
  readonly bestTime: number;
}

export interface RegretReport {
  readonly layers: readonly LayerRegret[];
  /** Layers of which the table has no time of the untuned choice: it is newer than the table. */
  readonly unknown: readonly string[];
}

/** Layers that have something in common, each distinct one counted once. */
export interface RegretGroup {
  readonly name: string;
  readonly layers: number;
  /** How much longer the untuned choices take than the fastest, together, over what the fastest take: 0 is perfect. */
  readonly regret: number;
  /** Microseconds of the fastest, together. */
  readonly bestTime: number;
  /** Winners by their names, the most frequent first. */
  readonly winners: readonly (readonly [name: string, layers: number])[];
}

/** Compares today's heuristic, not that of the time when the table was made, with what the table measured. */
export function regretOf(table: TuningTable): RegretReport {
  const layers: LayerRegret[] = [];
  const unknown: string[] = [];
  for (const [key, tuned] of Object.entries(table.layers)) {
    const { operator, spec } = layerOfKey(key);
    // The table says of which device it is: that is what was asked for its kernels.
    const [first] = convolutionCandidates(operator, spec, table.device as unknown as DeviceProfile);
    const untunedTime = tuned.microseconds[first.name];
    const winner = fastestOf(tuned);
    if (typeof untunedTime !== 'number') unknown.push(key);
    else {
      const layerClass = classOf(operator, spec);
      layers.push({ key, layerClass, untuned: first.name, winner: winner.name, untunedTime, bestTime: winner.time });
    }
  }
  return { layers, unknown };
}

/** The worst first. */
export function groupRegrets(layers: readonly LayerRegret[], nameOf: (layer: LayerRegret) => string): RegretGroup[] {
  const groups = groupBy(layers, nameOf);
  return [...groups]
    .map(([name, members]): RegretGroup => {
      const bestTime = sum(members.map((layer) => layer.bestTime));
      const untunedTime = sum(members.map((layer) => layer.untunedTime));
      const winners = [...groupBy(members, ({ winner }) => winner)]
        .map(([winner, won]) => [winner, won.length] as const)
        .sort(([, a], [, b]) => b - a);
      const regret = bestTime > 0 ? untunedTime / bestTime - 1 : 0;
      return { name, layers: members.length, regret, bestTime, winners };
    })
    .sort((a, b) => b.regret * b.bestTime - a.regret * a.bestTime);
}

/** 'direct' of 'direct 4x16 load compact'. */
export function familyOf(name: string): string {
  return name.split(' ')[0];
}

function fastestOf({ winner, microseconds }: TunedLayer): { name: string; time: number } {
  const timed = Object.entries(microseconds).flatMap(([name, time]) => (time === null ? [] : [{ name, time }]));
  return timed.reduce((best, each) => (each.time < best.time ? each : best), { name: winner, time: Number.MAX_VALUE });
}

/** What a rule for choosing a kernel would ask of a layer. */
function classOf(operator: KeyedOperator, { input, output, kernel, strides, groups }: ConvolutionSpec): string {
  const form = operator === 'convTranspose2d' ? 'transposed ' : '';
  const depthwise = groups > 1 && groups === input.channels;
  const kind = depthwise ? 'depthwise ' : groups > 1 ? 'grouped ' : '';
  const pixels = output.batch * output.height * output.width;
  const size = pixels <= 800 ? 'small' : pixels <= 6400 ? 'middling' : 'large';
  const channels = depthwise ? '' : `, ${Math.min(input.channels, output.channels) < 32 ? 'few' : 'many'} channels`;
  return `${form}${kind}${kernel.join('x')} stride ${strides[0]}, ${size} map${channels}`;
}

type KeyedOperator = ReturnType<typeof layerOfKey>['operator'];

function groupBy<T>(items: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(nameOf(item), [...(groups.get(nameOf(item)) ?? []), item]);
  return groups;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
