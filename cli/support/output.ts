import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError as InvalidOption } from 'commander';
import { type AdapterReport, InvalidArgumentError } from '../../node.ts';
import { ensureFolder, writeWhole } from './files.ts';

/** Where `--json` goes: true, like '-', is the standard output, a string a file. */
export type JsonDestination = string | true | undefined;

export interface JsonOption {
  readonly json?: JsonDestination;
}

export function addJsonOption(command: Command): Command {
  return command.option('--json [file]', 'as JSON, for machines: into a file, or printed', fileName);
}

function fileName(text: string): string {
  if (text === '') throw new InvalidOption('It must name a file.');
  return text;
}

/** People's output gives way to JSON that is printed, not to JSON that goes into a file. */
export function printsJson(destination: JsonDestination): boolean {
  return destination === true || destination === '-';
}

export async function writeJson(destination: string | true, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (destination === true || destination === '-') process.stdout.write(text);
  else await writeWhole(destination, text);
}

/**
 * Checks where `--json` will write, before any work is done for it. An option that takes a name or none is easily given the
 * picture behind it, so a file that is there is only replaced where it holds JSON, or nothing.
 */
export async function checkJsonDestination(destination: JsonDestination): Promise<void> {
  if (typeof destination !== 'string' || printsJson(destination)) return;
  await ensureFolder(dirname(destination));
  const first = await firstByte(destination);
  if (first === undefined || first === '[' || first === '{') return;
  throw new InvalidArgumentError(
    `--json would overwrite ${destination}, which is no JSON file: name another, or write --json last to print`,
  );
}

/** Undefined of a file that isn't there, is empty, or isn't a regular one. */
async function firstByte(file: string): Promise<string | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    if (!(await handle.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(1), 0, 1, 0);
    return bytesRead === 0 ? undefined : buffer.toString('latin1');
  } finally {
    await handle.close();
  }
}

export function describeAdapter({ name, software }: AdapterReport): string {
  return `on ${name}${software ? ' (a software adapter: the processor does the work)' : ''}`;
}

type Cell = string | number;

/** Columns aligned by their widest cell; numbers to the right. */
export function table(rows: readonly (readonly Cell[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => String(row[column] ?? '').length)),
  );
  const align = (cell: Cell, column: number) =>
    typeof cell === 'number' ? String(cell).padStart(widths[column]) : cell.padEnd(widths[column]);
  return rows.map((row) => row.map(align).join('  ').trimEnd()).join('\n');
}
