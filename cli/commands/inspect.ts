import { Command } from 'commander';
import { describeTuning, type LoadedModel, loadModel } from '../../node.ts';
import {
  addNetworkOptions,
  addSizeOption,
  chosenDevice,
  loadOptions,
  type NetworkOptions,
  type SizeOption,
} from '../support/options.ts';
import { describeAdapter, table, writeJson } from '../support/output.ts';
import { whileLoading } from '../support/progress.ts';

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('show layers, kernels, FLOPs, bytes and the memory plan of a network')
    .argument('<model>', 'the network');
  return addNetworkOptions(addSizeOption(command)).action(
    async (file: string, options: NetworkOptions & SizeOption) => {
      const device = await chosenDevice(options);
      const model = await whileLoading((onProgress) =>
        loadModel(file, { ...loadOptions(options), device, identify: true, onProgress }),
      );
      if (options.json) await writeJson(options.json, summarize(model));
      else print(model);
      model.dispose();
    },
  );
}

function summarize(model: LoadedModel) {
  const { plan, passes, contract, precision } = model;
  const steps = plan.steps.map(({ node, operator, kernel, flops, bytes }) => ({
    node,
    operator,
    kernel: kernel.label,
    workgroups: kernel.workgroups,
    flops,
    bytes,
  }));
  const tensor = ({ name, kind, shape }: (typeof plan.inputs)[number]) => ({ name, kind, shape });
  return {
    name: plan.name,
    family: contract?.family,
    precision,
    parameters: model.parameterCount,
    flops: steps.reduce((total, { flops }) => total + flops, 0),
    inputs: plan.inputs.map(tensor),
    outputs: plan.outputs.map(tensor),
    contract,
    passes,
    steps,
    memory: plan.memory,
    notes: plan.notes,
    tuning: model.tuning,
    adapter: model.adapter,
  };
}

function print(model: LoadedModel): void {
  const summary = summarize(model);
  const mega = (value: number, digits = 2) => (value / 1e6).toFixed(digits);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${summary.name}: ${summary.family ?? 'no known detector'}, ${mega(summary.parameters)} M parameters, ` +
      `${(summary.flops / 1e9).toFixed(2)} GFLOPs, ${summary.precision}`,
  );
  for (const { name, kind, shape } of summary.inputs) console.log(`input  ${name}: ${kind} [${shape}]`);
  for (const { name, kind, shape } of summary.outputs) console.log(`output ${name}: ${kind} [${shape}]`);
  console.log('\nPasses');
  for (const { pass, notes } of summary.passes) {
    console.log(`  ${pass}: ${notes.length > 0 ? notes.join('; ') : 'nothing to do'}`);
  }
  console.log(`\nKernels: ${summary.steps.length} dispatches`);
  const rows = summary.steps.map(({ node, kernel, workgroups, flops, bytes }) => [
    node,
    kernel,
    workgroups.join('x'),
    mega(flops, 1),
    mega(bytes),
  ]);
  console.log(table([['node', 'kernel', 'workgroups', 'MFLOP', 'MB'], ...rows]));
  if (summary.tuning) console.log(`\n${describeTuning(summary.tuning)}`);
  const { weights, activations, lowerBound, unshared } = summary.memory;
  console.log(
    `\nMemory: weights ${mib(weights)}; activations ${mib(activations)} in ${model.plan.pools.length} buffers ` +
      `(lower bound ${mib(lowerBound)}, unshared ${mib(unshared)})`,
  );
  for (const note of summary.notes) console.log(`note: ${note}`);
  console.log(describeAdapter(summary.adapter));
}
