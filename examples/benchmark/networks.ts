/**
 * Networks against ONNX Runtime's WebGPU provider on the same adapter, turn by turn:
 *
 *     node examples/benchmark/run.mjs networks MODEL.onnx... [--batch N] [--cold-starts N] [--layers FILE.md]
 *                                                            [--rival-folder DIR]
 *
 * and the options of every program here, see README.md. Per network: the forward pass, tensors in and out; the time from
 * the file's bytes to the first result, each in a fresh process; dispatches; GPU memory; and which kernel is most of the
 * gap to the roofline. `--layers` writes the table of every dispatch. ONNX Runtime runs the file of the same name in
 * `--rival-folder`, where there is one: a network in float16, which it can't make of one in float32.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { coldStart } from '../../cli/benchmark/cold-start.ts';
import { markdownTable } from '../../cli/benchmark/markdown.ts';
import { benchmarkNetwork } from '../../cli/benchmark/network.ts';
import { quantile } from '../../cli/benchmark/samples.ts';
import { layersTable } from '../../cli/benchmark/tables.ts';
import { checkModel } from '../../node.ts';
import { measureGrowth } from './memory-growth.ts';
import { type DetectorReport, describeNetworks } from './network-report.ts';
import { count, finishProgram, measureEach, startProgram } from './program.ts';

const program = await startProgram(['batch', 'cold-starts', 'layers', 'rival-folder']);
const { device, adapter, precision, turns, own } = program;
const batch = own.batch === undefined ? undefined : count('batch', own.batch);
const coldStarts = count('cold-starts', own['cold-starts'] ?? '1');
const { results, failures } = await measureEach(program.files, measure);
if (own.layers) await writeFile(own.layers, `${results.map(describeLayers).join('\n\n')}\n`);
const images = batch === undefined ? '' : `, ${batch} images a run`;
await finishProgram(program, {
  name: 'networks',
  title: `Forward pass and cold start against ONNX Runtime's WebGPU provider, ${precision}${images}`,
  ...describeNetworks(results),
  failures,
  results,
});

async function measure(file: string): Promise<DetectorReport> {
  const rivalFile = own['rival-folder'] && join(own['rival-folder'], basename(file));
  const report = await benchmarkNetwork(file, {
    ...{ device, adapter, precision, batch, coldStarts, compare: true, layers: true },
    ...{ runs: turns.turns, atMostMs: turns.atMostMs },
    rivalFile: rivalFile && existsSync(rivalFile) ? rivalFile : undefined,
  });
  if ((batch ?? 1) > 1) return report;
  return { ...report, firstBoxesMs: await firstBoxes(file), rivalGrowth: await growthOf(file) };
}

async function firstBoxes(file: string): Promise<number | undefined> {
  const starts: number[] = [];
  for (let start = 0; start < coldStarts; start++) {
    starts.push(await coldStart({ engine: 'detector', file, precision, adapter, inputs: [] }));
  }
  return coldStarts === 0 ? undefined : quantile(starts, 0.5);
}

/** On a graphics card a process grows by what lies in the processor's memory, which says nothing. */
async function growthOf(file: string): Promise<number | undefined> {
  if (!device.adapter.software) return undefined;
  const { inputs } = await checkModel(file);
  return (await measureGrowth({ engine: 'onnxruntime', file, inputs })).resident;
}

function describeLayers({ network, layers = [] }: DetectorReport): string {
  return `## ${network}\n\n${markdownTable(layersTable(layers))}`;
}
