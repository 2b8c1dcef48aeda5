import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidArgumentError } from '../../engine/errors.ts';

/** Makes a folder and checks that files can be written there, before any work is done for them. */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new InvalidArgumentError(`can't write into ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes a file completely or not at all: into a neighbour first, which then takes its name. */
export async function writeWhole(file: string, contents: string | Uint8Array): Promise<void> {
  const neighbour = join(dirname(file), `.onelook-${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(neighbour, contents);
    await rename(neighbour, file);
  } catch (error) {
    await rm(neighbour, { force: true });
    throw new InvalidArgumentError(`can't write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** `--json` without a file name, or with '-', prints; with one it writes. */
export async function writeJson(destination: string | true, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (destination === true || destination === '-') process.stdout.write(text);
  else await writeWhole(destination, text);
}

/** Checks where `--json` will write, before any work is done for it. */
export async function checkJsonDestination(destination: string | true | undefined): Promise<void> {
  if (typeof destination === 'string' && destination !== '-') await ensureFolder(dirname(destination));
}

/** Columns aligned by their widest cell; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => {
    row.forEach((cell, column) => {
      most[column] = Math.max(most[column] ?? 0, String(cell).length);
    });
    return most;
  }, []);
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, column) =>
        typeof cell === 'number' ? String(cell).padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
