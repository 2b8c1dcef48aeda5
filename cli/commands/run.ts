import { join } from 'node:path';
import { Command } from 'commander';
import { InvalidArgumentError, loadModel, type RawTensor } from '../../node.ts';
import { distinctNames, ensureFolder, readBytes, writeWhole } from '../support/files.ts';
import { parseNpy, writeNpy } from '../support/npy.ts';
import { addNetworkOptions, chosenDevice, loadOptions, type NetworkOptions } from '../support/options.ts';
import { printsJson, writeJson } from '../support/output.ts';
import { whileLoading } from '../support/progress.ts';

interface Options extends NetworkOptions {
  readonly input: readonly string[];
  readonly outputDir: string;
}

export function runCommand(): Command {
  const collect = (value: string, previous: readonly string[]) => [...previous, value];
  const command = new Command('run')
    .description('feed raw tensors to any supported graph')
    .argument('<model>', 'the network')
    .option('--input <name=file.npy>', 'a tensor for an input; once for each', collect, [])
    .requiredOption('--output-dir <folder>', 'where NAME.npy of every output goes');
  return addNetworkOptions(command).action(run);
}

async function run(file: string, options: Options): Promise<void> {
  await ensureFolder(options.outputDir);
  const inputs = await readInputs(options.input);
  const inputShapes = Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]));
  const device = await chosenDevice(options);
  const model = await whileLoading((onProgress) =>
    loadModel(file, { ...loadOptions(options), device, inputShapes, onProgress }),
  );
  const outputs = Object.entries(await model.run(inputs));
  // Exporters name tensors like paths.
  const names = distinctNames(outputs.map(([name]) => name.replace(/[^\w.-]/g, '_')));
  const written = [];
  for (const [index, [name, tensor]] of outputs.entries()) {
    const target = join(options.outputDir, `${names[index]}.npy`);
    await writeWhole(target, writeNpy(tensor));
    written.push({ name, type: tensor.type, dims: tensor.dims, file: target });
  }
  if (options.json) await writeJson(options.json, { outputs: written, adapter: model.adapter });
  if (!printsJson(options.json)) {
    for (const { name, type, dims, file: target } of written) console.log(`${name}: ${type} [${dims}] -> ${target}`);
  }
  model.dispose();
}

async function readInputs(texts: readonly string[]): Promise<Record<string, RawTensor>> {
  const inputs: Record<string, RawTensor> = {};
  for (const text of texts) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined) throw new InvalidArgumentError(`--input ${text} must be NAME=FILE.npy`);
    if (Object.hasOwn(inputs, name)) throw new InvalidArgumentError(`--input names ${name} twice`);
    inputs[name] = parseNpy(await readBytes(file), file);
  }
  return inputs;
}
