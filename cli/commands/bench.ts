import { Command, Option } from 'commander';
import { markdownTable, writeMarkdown } from '../benchmark/markdown.ts';
import { benchmarkNetwork, type NetworkReport } from '../benchmark/network.ts';
import { comparisonTable, layersTable, remarks, stagesTable, timesTable } from '../benchmark/tables.ts';
import {
  addNetworkOptions,
  addSizeOption,
  chosenDevice,
  type NetworkOptions,
  positiveInteger,
  type SizeOption,
  wholeNumber,
} from '../support/options.ts';
import { describeAdapter, printsJson, table, writeJson } from '../support/output.ts';
import { loadingReporter, withProgress } from '../support/progress.ts';
import { importOnnxRuntime } from '../support/rival.ts';

interface Options extends NetworkOptions, SizeOption {
  readonly batch?: number;
  readonly compare?: 'onnxruntime';
  readonly runs: number;
  readonly coldStarts: number;
  readonly layers?: boolean;
  readonly markdown?: string;
}

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('time the forward pass, tensors in and out, and compare')
    .argument('<models...>', 'networks')
    .option('--batch <n>', 'images per run', positiveInteger)
    .option('--runs <n>', 'timed runs', positiveInteger, 10)
    .option('--cold-starts <n>', 'starts in fresh processes, from bytes to first result', wholeNumber, 1)
    .option('--layers', 'time every dispatch and hold it against the roofline')
    .option('--markdown <file>', 'write a table for people into a file, or into its section "onelook bench"')
    .addOption(new Option('--compare <engine>', 'run it turn by turn with this').choices(['onnxruntime']));
  return addNetworkOptions(addSizeOption(command)).action(benchAll);
}

async function benchAll(files: string[], options: Options): Promise<void> {
  if (options.compare) await importOnnxRuntime();
  const reports: NetworkReport[] = [];
  for (const file of files) reports.push(await bench(file, options));
  if (options.json) await writeJson(options.json, reports);
  if (options.markdown) await writeMarkdown(options.markdown, 'onelook bench', markdown(reports));
  if (!printsJson(options.json)) print(reports);
}

async function bench(file: string, options: Options): Promise<NetworkReport> {
  const { weights, precision, adapter, size: inputSize, batch, runs, coldStarts, layers = false } = options;
  const device = await chosenDevice(options);
  return withProgress((report) =>
    benchmarkNetwork(file, {
      ...{ device, adapter, weights, precision, inputSize, batch, runs, coldStarts, layers },
      compare: options.compare !== undefined,
      onLoad: loadingReporter(report),
      onRun: (done, total) => report('timing', done, total),
    }),
  );
}

function print(reports: readonly NetworkReport[]): void {
  console.log(`Milliseconds ${describeAdapter(reports[0].adapter)}`);
  console.log(table(timesTable(reports)));
  console.log(`\n${table(stagesTable(reports))}`);
  for (const { network, layers } of reports) {
    if (layers) console.log(`\n${network}\n${table(layersTable(layers))}`);
  }
  for (const remark of remarks(reports)) console.log(`\n${remark}`);
}

function markdown(reports: readonly NetworkReport[]): string {
  const [{ adapter, precision }] = reports;
  return [
    `Measured ${describeAdapter(adapter)}, ${precision}.`,
    markdownTable(comparisonTable(reports)),
    ...remarks(reports),
  ].join('\n\n');
}
