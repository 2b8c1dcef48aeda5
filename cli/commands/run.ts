import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { InvalidArgumentError, loadModel, type RawTensor } from '../../node.ts';
import { parseNpy, writeNpy } from '../support/npy.ts';
import { addNetworkOptions, chosenDevice, type NetworkOptions } from '../support/options.ts';
import { ensureFolder, writeJson, writeWhole } from '../support/output.ts';

interface RunOptions extends NetworkOptions {
  readonly input: readonly string[];
  readonly outputDir: string;
  readonly json?: string | true;
}

export function runCommand(): Command {
  const collect = (value: string, previous: readonly string[]) => [...previous, value];
  const command = new Command('run')
    .description('feed raw tensors to any supported graph')
    .argument('<model>', 'the network')
    .option('--input <name=file.npy>', 'a tensor for an input; once for each', collect, [])
    .requiredOption('--output-dir <folder>', 'where NAME.npy of every output goes')
    .option('--json [file]', 'describe the outputs as JSON');
  return addNetworkOptions(command).action(run);
}

async function run(file: string, options: RunOptions): Promise<void> {
  await ensureFolder(options.outputDir);
  const inputs: Record<string, RawTensor> = {};
  for (const text of options.input) {
    const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (!name) throw new InvalidArgumentError(`--input ${text} must be NAME=FILE.npy`);
    inputs[name] = parseNpy(await readBytes(path), path);
  }
  const inputShapes = Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]));
  const device = await chosenDevice(options);
  const model = await loadModel(file, { device, precision: options.precision, inputSize: options.size, inputShapes });
  const outputs = await model.run(inputs);
  const described = [];
  for (const [name, tensor] of Object.entries(outputs)) {
    const path = join(options.outputDir, `${name.replace(/[^\w.-]/g, '_')}.npy`);
    await writeWhole(path, writeNpy(tensor));
    described.push({ name, type: tensor.type, dims: tensor.dims, file: path });
  }
  if (options.json) await writeJson(options.json, { outputs: described, adapter: model.adapter });
  else for (const { name, type, dims, file: path } of described) console.log(`${name}: ${type} [${dims}] -> ${path}`);
  model.dispose();
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InvalidArgumentError(`${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
}
