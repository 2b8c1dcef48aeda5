import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable, writeMarkdown } from '../../cli/benchmark/markdown.ts';
import { type AdapterReport, type EngineDevice, type Precision, requestNodeDevice } from '../../node.ts';

/** The options that every program of this folder takes; each has a value. */
const COMMON = ['runs', 'seconds', 'precision', 'adapter', 'only', 'json', 'markdown'] as const;

const PRECISIONS: readonly Precision[] = ['auto', 'float32', 'float16'];

export interface Program {
  readonly files: readonly string[];
  readonly device: EngineDevice;
  readonly adapter: string | undefined;
  readonly precision: Precision;
  /** How long contenders take turns. */
  readonly turns: { readonly turns: number; readonly atMostMs: number };
  /** The values of the program's own options. */
  readonly own: Readonly<Record<string, string | undefined>>;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
}

/** Reads the command line and asks for a device. `own` names options of this program, each with a value. */
export async function startProgram(own: readonly string[] = []): Promise<Program> {
  const { files, values } = readArguments(own);
  const { runs = '10', seconds = '60', precision = 'float32', adapter, only = '', json, markdown } = values;
  const chosen = files.filter((file) => basename(file).includes(only));
  if (chosen.length === 0) throw new Error('name at least one network');
  const known = PRECISIONS.find((name) => name === precision);
  if (!known) throw new Error(`--precision must be one of ${PRECISIONS.join(', ')}`);
  const device = await requestNodeDevice({ adapter });
  const turns = { turns: count('runs', runs), atMostMs: count('seconds', seconds) * 1e3 };
  return { files: chosen, device, adapter, precision: known, turns, own: values, json, markdown };
}

export function readArguments(own: readonly string[]): {
  files: readonly string[];
  values: Readonly<Record<string, string | undefined>>;
} {
  const options = Object.fromEntries([...COMMON, ...own].map((name) => [name, { type: 'string' as const }]));
  const { positionals, values } = parseArgs({ allowPositionals: true, options });
  return { files: positionals, values: values as Record<string, string | undefined> };
}

export function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${option} must be a whole number`);
  return value;
}

/** A network that could not be measured. */
export interface Failure {
  readonly network: string;
  readonly reason: string;
}

/** Measures one network after the other; one that fails leaves the others alone. */
export async function measureEach<T>(
  files: readonly string[],
  measure: (file: string) => Promise<T>,
): Promise<{ results: T[]; failures: Failure[] }> {
  const results: T[] = [];
  const failures: Failure[] = [];
  for (const file of files) {
    const network = basename(file);
    console.error(`${network} ...`);
    try {
      results.push(await measure(file));
    } catch (error) {
      failures.push({ network, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { results, failures };
}

export interface Outcome {
  /** Of the section in a Markdown file. */
  readonly name: string;
  readonly title: string;
  /** Of each the head first. */
  readonly tables: readonly (readonly (readonly (string | number)[])[])[];
  readonly remarks?: readonly string[];
  readonly failures: readonly Failure[];
  /** What goes into the JSON beside the adapter. */
  readonly results: unknown;
}

/** Prints an outcome as Markdown, writes what was asked for, and ends the process: with 1 where something failed. */
export async function finishProgram({ device, json, markdown }: Program, outcome: Outcome): Promise<never> {
  const { name, title, tables, remarks = [], failures, results } = outcome;
  const { adapter } = device;
  const text = [
    `${title}, on ${describe(adapter)}:`,
    ...tables.filter((rows) => rows.length > 1).map(markdownTable),
    ...remarks,
    ...failures.map(({ network, reason }) => `${network} failed: ${reason}`),
  ].join('\n\n');
  console.log(text);
  if (json) await writeFile(json, `${JSON.stringify({ name, title, adapter, results, failures }, null, 1)}\n`);
  if (markdown) await writeMarkdown(markdown, name, text);
  // What sessions still hold goes with the process.
  process.exit(failures.length > 0 ? 1 : 0);
}

function describe({ name, software }: AdapterReport): string {
  return software ? `${name}, a software adapter` : name;
}
