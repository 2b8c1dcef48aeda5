/** The kernel lab in a terminal; see README.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  checkModel,
  choosePrecision,
  deviceRoofline,
  type EngineDevice,
  formatKernel,
  InvalidArgumentError,
  type LabLayer,
  LayerBench,
  labLayer,
  layerOfText,
  type NetworkLayer,
  networkLayers,
  OneLookError,
  PipelineCache,
  parseLayer,
  type Roofline,
} from 'onelook/lab';
import { requestNodeDevice } from 'onelook/node';
import { type Pins, pinsJson, readPins } from '../lab/pins.ts';
import { type Entry, fastest, medianOf, studyLayer } from '../lab/study.ts';
import { busyThreadsMs } from './busy-threads.ts';
import { type Options, readOptions } from './options.ts';
import { columns, kernelTable, layerLines, layerTable, remarks, rooflineLine } from './tables.ts';
import { watchKernel } from './watching.ts';

interface LayerStudy {
  readonly layer: LabLayer;
  readonly entries: readonly Entry[];
}

const options = readOptions();
try {
  await main(options);
} catch (error) {
  // Those of the system are about files.
  if (!(error instanceof OneLookError) && !(error instanceof Error && 'syscall' in error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main({ layer: chosen, adapter }: Options): Promise<void> {
  const shape = options.shape ?? (chosen === undefined ? layerOfFile(options) : undefined);
  const device = await requestNodeDevice({ adapter });
  const { name, software } = device.adapter;
  console.log(`on ${name}${software ? ' (a software adapter: the processor does the work)' : ''}`);
  const layers = shape === undefined ? await layersOf(device) : [labLayer(parseLayer(shape))];
  if (shape === undefined && chosen === undefined) {
    console.log(layerTable(layers as NetworkLayer[]));
    console.log('\nChoose one with --layer, or all of them with --layer all.');
    device.device.destroy();
    return;
  }
  const selected = shape === undefined ? selectLayers(layers as NetworkLayer[], chosen ?? '') : layers;
  if (options.wgsl !== undefined && selected.length > 1) {
    throw new InvalidArgumentError(`--wgsl is a kernel of one layer, and "${chosen}" chooses ${selected.length}`);
  }
  const cache = new PipelineCache(device.device);
  const roofline = await deviceRoofline(device, cache, selected[0]);
  console.log(rooflineLine(roofline));
  const studies: LayerStudy[] = [];
  for (const layer of selected) studies.push(await study(device, layer, await deviceRoofline(device, cache, layer)));
  if (selected.length > 1) console.log(`\n${totals(studies)}`);
  if (options.pin !== undefined) writePins(options.pin, studies);
  if (options.json !== undefined) writeFileSync(options.json, reportJson(device, roofline, studies));
  if (!options.watch) device.device.destroy();
}

/** The layer that a kernel's file was written for. */
function layerOfFile({ wgsl }: Options): string | undefined {
  return wgsl !== undefined && existsSync(wgsl) ? layerOfText(readFileSync(wgsl, 'utf8')) : undefined;
}

async function layersOf(device: EngineDevice): Promise<NetworkLayer[]> {
  const { model, size, precision } = options;
  const { graph } = await checkModel(model, { inputSize: size, identify: true });
  console.log(`${graph.name}, ${choosePrecision(precision, device)}`);
  return networkLayers(graph, device, choosePrecision(precision, device));
}

function selectLayers(layers: readonly NetworkLayer[], wanted: string): readonly NetworkLayer[] {
  if (wanted === 'all') return layers;
  const byNumber = /^\d+$/.test(wanted) ? layers[Number(wanted) - 1] : undefined;
  const found = byNumber ? [byNumber] : layers.filter(({ text, key }) => `${text}\n${key}`.includes(wanted));
  if (found.length > 0 && wanted !== '') return found;
  throw new InvalidArgumentError(
    `no layer is "${wanted}": give a number from 1 to ${layers.length}, or part of its text`,
  );
}

async function study(device: EngineDevice, layer: LabLayer, roofline: Roofline | undefined): Promise<LayerStudy> {
  console.log(`\n${layerLines(layer, roofline)}`);
  const bench = await LayerBench.create(device, layer);
  const { wgsl, rounds, specialize } = options;
  const candidates = bench.candidates.filter(({ name }) => name.includes(options.candidates));
  if (candidates.length === 0) {
    const names = bench.candidates.map(({ name }) => name).join(', ');
    throw new InvalidArgumentError(`no kernel of the layer has "${options.candidates}" in its name: there is ${names}`);
  }
  const busyMs = device.adapter.software ? busyThreadsMs : undefined;
  const isThere = wgsl !== undefined && existsSync(wgsl);
  const live = isThere ? { name: wgsl, text: readFileSync(wgsl, 'utf8') } : undefined;
  const entries = await studyLayer(bench, { candidates, live, roofline, rounds, specialize, busyMs });
  console.log(kernelTable(entries));
  for (const line of remarks(entries, wgsl)) console.log(line);
  if (live && !entries.some((entry) => entry.live && entry.check?.correct)) process.exitCode = 1;
  if (wgsl !== undefined && !isThere) begin(wgsl, bench, entries);
  const best = fastest(entries.filter((entry) => !entry.live));
  if (wgsl !== undefined && options.watch && best) {
    process.exitCode = 0;
    watchKernel(wgsl, bench, best.name, roofline);
  } else bench.dispose();
  return { layer, entries };
}

/** Writes a built-in kernel into a file, for a person to go on with. */
function begin(file: string, bench: LayerBench, entries: readonly Entry[]): void {
  const name = options.from ?? fastest(entries)?.name;
  const candidate = bench.candidates.find((each) => each.name === name);
  if (!candidate) {
    const names = bench.candidates.map((each) => each.name).join(', ');
    throw new InvalidArgumentError(`--from names no kernel of the layer: there is ${names}`);
  }
  writeFileSync(file, formatKernel(candidate, bench.layer));
  console.log(`${file} is new: it holds ${candidate.name}, for you to go on with.`);
}

/** What a whole network would take with one kernel throughout, and with the best of each layer. */
function totals(studies: readonly LayerStudy[]): string {
  const countOf = (layer: LabLayer) => ('count' in layer ? (layer as NetworkLayer).count : 1);
  const sums = new Map<string, { ms: number; layers: number }>();
  const add = (name: string, ms: number) => {
    const sum = sums.get(name) ?? { ms: 0, layers: 0 };
    sums.set(name, { ms: sum.ms + ms, layers: sum.layers + 1 });
  };
  for (const { layer, entries } of studies) {
    const count = countOf(layer);
    for (const entry of entries) add(entry.name, count * medianOf(entry));
    const chosen = entries.find(({ name }) => 'chosen' in layer && name === layer.chosen);
    if (chosen) add('(chosen without measuring)', count * medianOf(chosen));
    add('(the fastest of each)', count * medianOf(fastest(entries)));
  }
  const rows = [...sums].map(([name, { ms, layers }]) => [name, ms.toFixed(1), `${layers} of ${studies.length}`]);
  return columns([['all layers', 'ms', 'layers that have it'], ...rows], new Set([1]));
}

/** Adds the winners to the file's table, where it has one already. */
function writePins(file: string, studies: readonly LayerStudy[]): void {
  const before = existsSync(file) ? readPins(readFileSync(file, 'utf8')) : {};
  if (!before) throw new InvalidArgumentError(`${file} is no table of pinned kernels: --pin adds to one, or begins it`);
  const pins: Record<string, string> = { ...before };
  for (const { layer, entries } of studies) {
    const best = fastest(entries.filter(({ live }) => !live));
    if (best) pins[layer.key] = best.name;
  }
  writeFileSync(file, pinsJson(pins satisfies Pins));
  console.log(`\n${file}: ${Object.keys(pins).length} pinned`);
}

function reportJson({ adapter }: EngineDevice, roofline: Roofline | undefined, studies: readonly LayerStudy[]): string {
  const layers = studies.map(({ layer: { spec: _, ...layer }, entries }) => ({ ...layer, kernels: entries }));
  return `${JSON.stringify({ adapter, roofline, layers }, null, 1)}\n`;
}
