import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError as InvalidOption, Option } from 'commander';
import { type EngineDevice, InvalidArgumentError, requestNodeDevice } from '../../node.ts';

export type PrecisionOption = 'auto' | 'float32' | 'float16' | 'int8';

/** Options that every command which runs a network has. */
export interface NetworkOptions {
  readonly precision: PrecisionOption;
  readonly adapter?: string;
  readonly size?: number;
}

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--precision <type>', 'how tensors are stored')
        .choices(['auto', 'float32', 'float16', 'int8'])
        .default('auto'),
    )
    .option('--size <pixels>', 'width and height of the network input, where the model leaves it open', positiveInteger)
    .option('--adapter <name>', 'use the adapter whose name contains this');
}

/** The device of `--adapter`; without it the engine asks for one itself, once the model has been read. */
export async function chosenDevice({ adapter }: NetworkOptions): Promise<EngineDevice | undefined> {
  return adapter === undefined ? undefined : requestNodeDevice({ adapter });
}

export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidOption('It must be a number from 0 to 1.');
  return value;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidOption('It must be a whole number above 0.');
  return value;
}

/** Class names, one a line. */
export async function readLabels(file: string | undefined): Promise<string[] | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`the labels ${file} can't be read: ${(error as Error).message}`, { cause: error });
  }
  const labels = text.split(/\r?\n/).map((line) => line.trim());
  while (labels.at(-1) === '') labels.pop();
  return labels;
}
