import { quote } from '../errors.ts';
import type { DeviceProfile } from './options.ts';

/** What an adapter says about itself: its model and, where it tells, its driver. */
export interface AdapterIdentity {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly backend?: string;
}

/** What times depend on besides the layer: a table serves where all of it is the same. */
export interface TuningConditions {
  /** `KERNELS_VERSION` of the kernels that were timed. */
  readonly kernels: number;
  /** Whether pipelines read sizes from a buffer or have them as constants, see `PLAN_SWITCHES`. */
  readonly pipelines: 'shared' | 'specialized';
  readonly adapter: Readonly<Record<string, string>>;
  /** Features and limits that decide which kernels there are, as in `DeviceProfile`. */
  readonly device: Readonly<Record<string, number | boolean>>;
}

/** What was measured of one layer. */
export interface TunedLayer {
  /** The kernel to run. */
  readonly winner: string;
  /**
   * Microseconds of one run by kernel: of the fastest the best of several, of those that were out early what was known by
   * then, which may be a lower bound. null for one that this device can't compile.
   */
  readonly microseconds: Readonly<Record<string, number | null>>;
}

/** The fastest kernels of layers on one adapter. It is plain data: `JSON.stringify` makes a file of it. */
export interface TuningTable extends TuningConditions {
  readonly format: typeof TABLE_FORMAT;
  /** By `convolutionKey`. */
  readonly layers: Readonly<Record<string, TunedLayer>>;
}

export const TABLE_FORMAT = 1;

/** Characters of a table's text: room for thousands of layers. */
export const LONGEST_TABLE = 2 * 2 ** 20;

/** A table that may be used, or why it may not. */
export type TableCheck =
  | { readonly table: TuningTable; readonly problem?: undefined }
  | { readonly table?: undefined; readonly problem: string };

export function tuningConditions(
  kernels: number,
  pipelines: TuningConditions['pipelines'],
  { vendor, architecture, device, description, backend = '' }: AdapterIdentity,
  profile: DeviceProfile,
): TuningConditions {
  const { subgroupMatrices, rankConvolutions: _, ...numbers } = profile;
  return {
    kernels,
    pipelines,
    adapter: { vendor, architecture, device, description, backend },
    device: { ...numbers, subgroupMatrices: subgroupMatrices.length },
  };
}

/** Names a place to keep a table in. Versions are left out, so that a new table takes the place of an outdated one. */
export function conditionsKey({ pipelines, adapter, device }: TuningConditions): string {
  return JSON.stringify([pipelines, sorted(adapter), sorted(device)]);
}

export function emptyTable(conditions: TuningConditions): TuningTable {
  const { kernels, pipelines, adapter, device } = conditions;
  return { format: TABLE_FORMAT, kernels, pipelines, adapter, device, layers: {} };
}

/**
 * Takes a table from outside: its JSON text, or the object. Every member is checked, and a table for other conditions is
 * refused; what else an object holds is left out.
 */
export function checkTable(given: unknown, conditions: TuningConditions): TableCheck {
  const parsed = typeof given === 'string' ? parse(given) : { value: given };
  if (parsed.problem !== undefined) return { problem: parsed.problem };
  const table = parsed.value;
  if (!isRecord(table)) return { problem: 'it is no tuning table' };
  const otherwise = differenceOf(table, conditions);
  if (otherwise) return { problem: otherwise };
  if (!isRecord(table.layers)) return { problem: 'its layers are missing' };
  const layers: [string, TunedLayer][] = [];
  for (const [key, value] of Object.entries(table.layers)) {
    const layer = isName(key) ? tunedLayer(value) : undefined;
    if (!layer) return { problem: `its layer ${quote(key)} is malformed` };
    layers.push([key, layer]);
  }
  return { table: { ...emptyTable(conditions), layers: Object.fromEntries(layers) } };
}

/** Layers of both; of a layer that both have, the winner of the second, and the times of both, the second's first. */
export function mergeTables(older: TuningTable, newer: TuningTable): TuningTable {
  const layers = { ...older.layers };
  for (const [key, layer] of Object.entries(newer.layers)) layers[key] = mergeLayers(layerOf(older, key), layer);
  return { ...newer, layers };
}

export function layerOf({ layers }: TuningTable, key: string): TunedLayer | undefined {
  return Object.hasOwn(layers, key) ? layers[key] : undefined;
}

/** The layers of a table that a network has. */
export function restrictTable(table: TuningTable, keys: Iterable<string>): TuningTable {
  const known = [...keys].flatMap((key) => {
    const layer = layerOf(table, key);
    return layer ? [[key, layer] as const] : [];
  });
  return { ...table, layers: Object.fromEntries(known) };
}

/** As `KernelChoices.byLayer` and `pins` have it. */
export function winnersOf({ layers }: TuningTable): Map<string, string> {
  return new Map(Object.entries(layers).map(([key, { winner }]) => [key, winner]));
}

/** For files, a line for each layer. */
export function printTable({ layers, ...head }: TuningTable): string {
  const start = JSON.stringify(head).slice(0, -1);
  const lines = Object.entries(layers).map(([key, layer]) => `${JSON.stringify(key)}:${JSON.stringify(layer)}`);
  return `${start},\n"layers":{\n${lines.join(',\n')}\n}}\n`;
}

/** For people: each layer, and below it its kernels, the fastest first. */
export function describeTuning({ adapter, layers }: TuningTable): string {
  const entries = Object.entries(layers);
  const names = entries.flatMap(([, { microseconds }]) => Object.keys(microseconds));
  const width = Math.max(0, ...names.map((name) => name.length));
  const blocks = entries.map(([key, layer]) => [key, ...kernelLines(layer, width)].join('\n'));
  return [`Kernels timed on ${adapter.description || adapter.device}: ${entries.length} layers`, ...blocks].join('\n');
}

function kernelLines({ winner, microseconds }: TunedLayer, width: number): string[] {
  const best = microseconds[winner] ?? 0;
  const slowness = (name: string) => microseconds[name] ?? Number.POSITIVE_INFINITY;
  const order = Object.keys(microseconds).sort((a, b) => slowness(a) - slowness(b));
  return order.map((name) => {
    const time = microseconds[name];
    const shown = time === null ? 'does not compile here' : `${time.toFixed(1).padStart(10)} us`;
    const ratio = time === null || name === winner || best === 0 ? '' : `  x ${(time / best).toFixed(2)}`;
    return `${name === winner ? '  * ' : '    '}${name.padEnd(width)} ${shown}${ratio}`;
  });
}

function mergeLayers(older: TunedLayer | undefined, newer: TunedLayer): TunedLayer {
  if (!older) return newer;
  return { winner: newer.winner, microseconds: { ...older.microseconds, ...newer.microseconds } };
}

function parse(text: string): { value: unknown; problem?: undefined } | { problem: string } {
  if (text.length > LONGEST_TABLE) return { problem: `it is longer than ${LONGEST_TABLE / 2 ** 20} MiB` };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { problem: 'it is no JSON' };
  }
}

/** What makes a table one for elsewhere. */
function differenceOf(table: Record<string, unknown>, conditions: TuningConditions): string | undefined {
  if (table.format !== TABLE_FORMAT) return 'it is no tuning table of this version of the format';
  if (table.kernels !== conditions.kernels) return 'it is for another version of the kernels';
  const adapter = firstDifference(table.adapter, conditions.adapter);
  if (adapter) return `it is for another adapter (its ${adapter})`;
  const device = firstDifference(table.device, conditions.device);
  if (device) return `it is for a device with other features or limits (its ${device})`;
  return table.pipelines === conditions.pipelines ? undefined : `it is not for ${conditions.pipelines} pipelines`;
}

function firstDifference(given: unknown, expected: Readonly<Record<string, unknown>>): string | undefined {
  const record = isRecord(given) ? given : {};
  const names = new Set([...Object.keys(expected), ...Object.keys(record)]);
  const name = [...names].find((key) => !Object.hasOwn(record, key) || record[key] !== expected[key]);
  if (name === undefined) return undefined;
  const [stated, here] = [record[name], expected[name]].map((value) => quote(String(value)));
  return `${quote(name).slice(1, -1)} is ${stated}, here it is ${here}`;
}

/** Undefined unless it is what it claims to be. */
function tunedLayer(value: unknown): TunedLayer | undefined {
  if (!isRecord(value) || !isRecord(value.microseconds) || typeof value.winner !== 'string') return undefined;
  const times = Object.entries(value.microseconds);
  if (!times.every(([name, time]) => isName(name) && (time === null || isTime(time)))) return undefined;
  const microseconds = Object.fromEntries(times) as Record<string, number | null>;
  const { winner } = value;
  if (!Object.hasOwn(microseconds, winner) || microseconds[winner] === null) return undefined;
  return { winner, microseconds };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A line that can be printed. */
function isName(text: string): boolean {
  return /^[\x20-\x7e]{1,300}$/.test(text);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function sorted(record: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
