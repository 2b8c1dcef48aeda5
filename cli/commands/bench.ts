import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { type LoadedModel, loadModel, type RawTensor } from '../../node.ts';
import { readBytes } from '../support/files.ts';
import {
  addNetworkOptions,
  addSizeOption,
  chosenDevice,
  loadOptions,
  type NetworkOptions,
  positiveInteger,
  type SizeOption,
} from '../support/options.ts';
import { describeAdapter, printsJson, table, writeJson } from '../support/output.ts';
import { type ReportProgress, whileLoading, withProgress } from '../support/progress.ts';
import { createRival, importOnnxRuntime, type Rival } from '../support/rival.ts';

interface Options extends NetworkOptions, SizeOption {
  readonly batch: number;
  readonly compare?: 'onnxruntime';
  readonly runs: number;
}

/** Milliseconds. */
interface Times {
  /** From the file's bytes to the first outputs: parsing, compiling, uploading, one run. */
  readonly firstMs: number;
  readonly medianMs: number;
  readonly p90Ms: number;
}

interface BenchReport {
  readonly network: string;
  readonly precision: string;
  readonly adapter: LoadedModel['adapter'];
  readonly dispatches: number;
  /** Images per run. */
  readonly batch: number;
  readonly ours: Times;
  /** `batch`: images that it takes at a time, 1 where the file is fixed to that; it runs as often as needed. */
  readonly rival?: Times & { readonly batch: number };
  /** Rival over ours. */
  readonly ratio?: number;
  readonly firstRatio?: number;
}

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('time the forward pass, tensors in and out, and compare')
    .argument('<models...>', 'networks')
    .option('--batch <n>', 'images per run; times are of the whole run', positiveInteger, 1)
    .option('--runs <n>', 'timed runs', positiveInteger, 10)
    .addOption(new Option('--compare <engine>', 'run it turn by turn with this').choices(['onnxruntime']));
  return addNetworkOptions(addSizeOption(command)).action(benchAll);
}

async function benchAll(files: string[], options: Options): Promise<void> {
  // A driver's own cache of compiled shaders would make a first run a second one.
  process.env.MESA_SHADER_CACHE_DISABLE ??= 'true';
  if (options.compare) await importOnnxRuntime();
  const reports: BenchReport[] = [];
  for (const file of files) reports.push(await bench(file, options));
  if (options.json) await writeJson(options.json, reports);
  if (!printsJson(options.json)) print(reports);
}

async function bench(file: string, options: Options): Promise<BenchReport> {
  // The name goes with the bytes, for messages.
  const bytes = await readBytes(file);
  const source = new File([bytes], file);
  const started = performance.now();
  const device = await chosenDevice(options);
  const { batch } = options;
  const model = await whileLoading((onProgress) =>
    loadModel(source, { ...loadOptions(options), device, batch, onProgress }),
  );
  const inputs = makeInputs(model);
  await model.run(inputs);
  const firstMs = performance.now() - started;

  let rival: Rival | undefined;
  let rivalFirstMs = 0;
  if (options.compare) {
    const rivalStarted = performance.now();
    rival = await createRival(bytes, model.inputs, inputs);
    await rival.run();
    rivalFirstMs = performance.now() - rivalStarted;
  }
  const { ours, theirs } = await withProgress((report) => takeTurns(model, inputs, rival, options.runs, report));
  await rival?.release();
  model.dispose();
  const oursTimes = summarize(firstMs, ours);
  const rivalTimes = rival && { ...summarize(rivalFirstMs, theirs), batch: rival.batch };
  return {
    network: basename(file),
    precision: model.precision,
    adapter: model.adapter,
    dispatches: model.dispatchCount,
    batch,
    ours: oursTimes,
    ...(rivalTimes && {
      rival: rivalTimes,
      ratio: rivalTimes.medianMs / oursTimes.medianMs,
      firstRatio: rivalTimes.firstMs / oursTimes.firstMs,
    }),
  };
}

/** Turn by turn, so that whatever else the machine does meets both alike. */
async function takeTurns(
  model: LoadedModel,
  inputs: Readonly<Record<string, RawTensor>>,
  rival: Rival | undefined,
  runs: number,
  report: ReportProgress,
): Promise<{ ours: number[]; theirs: number[] }> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < runs; run++) {
    ours.push(await timed(() => model.run(inputs)));
    if (rival) theirs.push(await timed(() => rival.run()));
    report('timing', run + 1, runs);
  }
  return { ours, theirs };
}

/** The same numbers for everyone: a slow wave through 0..1. */
function makeInputs(model: LoadedModel): Record<string, RawTensor> {
  return Object.fromEntries(
    model.inputs.map(({ name, dims }) => {
      const count = dims.reduce((product, size) => product * size, 1);
      const data = Float32Array.from({ length: count }, (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37));
      return [name, { type: 'float32', dims, data }];
    }),
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function summarize(firstMs: number, samples: readonly number[]): Times {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { firstMs, medianMs: at(0.5), p90Ms: at(0.9) };
}

function print(reports: readonly BenchReport[]): void {
  const { adapter } = reports[0];
  console.log(`Milliseconds ${describeAdapter(adapter)}`);
  const ms = (value: number | undefined) => (value === undefined ? '' : value.toFixed(1));
  const rows = reports.map(({ network, precision, dispatches, batch, ours, rival, ratio, firstRatio }) => [
    network,
    precision,
    dispatches,
    batch,
    ms(ours.medianMs),
    ms(ours.p90Ms),
    ms(ours.firstMs),
    ...(rival ? [ms(rival.medianMs), ms(rival.firstMs), ratio?.toFixed(2) ?? '', firstRatio?.toFixed(2) ?? ''] : []),
  ]);
  const head = ['network', 'precision', 'dispatches', 'batch', 'median', 'p90', 'first'];
  const more = reports.some(({ rival }) => rival) ? ['rival median', 'rival first', 'ratio', 'first ratio'] : [];
  console.log(table([[...head, ...more], ...rows]));
}
