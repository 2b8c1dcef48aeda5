import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError as InvalidOption } from 'commander';
import {
  type DetectOptions,
  type EngineDevice,
  InvalidArgumentError,
  type LoadOptions,
  MAX_DETECTIONS,
  type Precision,
  requestNodeDevice,
} from '../../node.ts';
import { readText } from './files.ts';
import { addJsonOption, type JsonOption } from './output.ts';

/** Options that every command which runs a network has. */
export interface NetworkOptions extends JsonOption {
  readonly weights?: string;
  readonly precision: Precision;
  readonly adapter?: string;
  /** Milliseconds, or true for the default. */
  readonly tune?: number | true;
  readonly tuningTable?: string;
  readonly kernel?: string;
}

export interface SizeOption {
  readonly size?: number;
}

export function addNetworkOptions(command: Command): Command {
  command
    .option('--precision <type>', `how tensors are stored: ${PRECISIONS.join(', ')}`, precision, 'auto')
    .option('--adapter <name>', 'use the adapter whose name contains this')
    .option('--tune [ms]', 'time kernels on this adapter for so long at most, keep the fastest, remember', milliseconds)
    .option('--tuning-table <file>', 'the fastest kernels as this file has them; with --tune it is written too')
    .option('--kernel <name>', 'run every convolution that has a kernel of a name that begins like this with it');
  return addJsonOption(addWeightsOption(command));
}

export function addSizeOption(command: Command): Command {
  const description = 'width and height of the network input, where the model leaves it open';
  return command.option('--size <pixels>', description, positiveInteger);
}

export function addWeightsOption(command: Command): Command {
  return command.option('--weights <file>', 'the weights, where the model file holds the structure only');
}

/**
 * What `NetworkOptions` are for the engine, the device aside.
 * @throws InvalidArgumentError for a table that isn't there
 */
export function loadOptions(options: NetworkOptions & SizeOption) {
  const { weights, precision, size, kernel } = options;
  const kernels = kernel === undefined ? undefined : { prefer: kernel };
  return { weights, precision, inputSize: size, tune: tuneOptions(options), kernels };
}

function tuneOptions({ tune, tuningTable }: NetworkOptions): LoadOptions['tune'] {
  if (tune === undefined && tuningTable === undefined) return undefined;
  if (tune === undefined && tuningTable !== undefined && !existsSync(tuningTable)) {
    throw new InvalidArgumentError(`there is no tuning table ${tuningTable}: make it with --tune`);
  }
  const onWarning = (message: string) => process.stderr.write(`onelook: ${message}\n`);
  return { budgetMs: tune === true ? undefined : (tune ?? 0), store: tuningTable, onWarning };
}

/** The device of `--adapter`; without it the engine asks for one itself, once the model has been read. */
export async function chosenDevice({ adapter }: NetworkOptions): Promise<EngineDevice | undefined> {
  return adapter === undefined ? undefined : requestNodeDevice({ adapter });
}

/** Options of detecting objects in a picture. */
export interface DetectionOptions {
  readonly score?: number;
  readonly iou?: number;
  readonly max?: number;
  readonly augment?: boolean;
}

/** @param defaults where the network's own are not wanted */
export function addDetectionOptions(command: Command, defaults: { score?: number; max?: number } = {}): Command {
  return command
    .option('--score <number>', 'leave out what scores less, 0..1', fraction, defaults.score)
    .option('--iou <number>', 'overlap from which a box suppresses a worse one of its class, 0..1', fraction)
    .option('--max <number>', 'at most so many objects per picture', detectionCount, defaults.max)
    .option('--augment', 'detect in flipped and scaled copies too, and merge (not built yet)');
}

/** @throws InvalidArgumentError for `--augment` */
export function detectOptions({ score, iou, max, augment }: DetectionOptions): DetectOptions {
  if (augment) throw new InvalidArgumentError('--augment is not built yet: leave it out');
  return { scoreThreshold: score, iouThreshold: iou, maxDetections: max };
}

export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidOption('It must be a number from 0 to 1.');
  return value;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidOption('It must be a whole number above 0.');
  return value;
}

export function wholeNumber(text: string): number {
  return text === '0' ? 0 : positiveInteger(text);
}

export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidOption('It must be a number of milliseconds.');
  return value;
}

export function detectionCount(text: string): number {
  const value = positiveInteger(text);
  if (value > MAX_DETECTIONS) throw new InvalidOption(`It must be at most ${MAX_DETECTIONS}.`);
  return value;
}

const PRECISIONS: readonly Precision[] = ['auto', 'float32', 'float16'];

export function precision(text: string): Precision {
  // Refused here, before a device is asked for.
  if (text === 'int8') throw new InvalidOption('int8 is not built yet.');
  const known = PRECISIONS.find((name) => name === text);
  if (!known) throw new InvalidOption(`It must be one of ${PRECISIONS.join(', ')}.`);
  return known;
}

/** Class names, one a line. */
export async function readLabels(file: string | undefined): Promise<string[] | undefined> {
  if (file === undefined) return undefined;
  const labels = (await readText(file)).split(/\r?\n/).map((line) => line.trim());
  while (labels.at(-1) === '') labels.pop();
  if (labels.length === 0)
    throw new InvalidArgumentError(`${file} holds no labels: it needs a class name on each line`);
  return labels;
}
