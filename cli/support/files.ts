import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InvalidArgumentError } from '../../node.ts';

/** The bytes of a file that the user named. Throws `InvalidArgumentError`. */
export async function readBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw new InvalidArgumentError(`${file} can't be read: ${reasonOf(error)}`, { cause: error });
  }
}

/** A text file that the user named. Throws `InvalidArgumentError`. */
export async function readText(file: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(file));
}

/** Makes a folder and checks that files can be written there, before any work is done for them. */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    await makeFolder(resolve(folder));
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new InvalidArgumentError(`can't write into ${folder}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Parents first. Node's own recursive mkdir never ends where a parent is there and forbids it with ENOENT, as /proc does. */
async function makeFolder(folder: string): Promise<void> {
  const status = await stat(folder).catch(() => undefined);
  if (status?.isDirectory()) return;
  if (status) throw new Error('it is a file');
  const parent = dirname(folder);
  if (parent !== folder) await makeFolder(parent);
  await mkdir(folder);
}

/**
 * Writes a file completely or not at all: into a neighbour first, which then takes its name. What is no regular file, like
 * /dev/stdout, is written to as it is.
 */
export async function writeWhole(file: string, contents: string | Uint8Array): Promise<void> {
  let neighbour: string | undefined;
  try {
    const status = await stat(file).catch(() => undefined);
    if (status && !status.isFile()) return await writeFile(file, contents);
    // The file that a link leads to is replaced, not the link.
    const target = status ? await realpath(file) : file;
    neighbour = join(dirname(target), `.onelook-${randomBytes(6).toString('hex')}`);
    await writeFile(neighbour, contents);
    await rename(neighbour, target);
  } catch (error) {
    if (neighbour) await rm(neighbour, { force: true });
    throw new InvalidArgumentError(`can't write ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The names as they are, with a number behind those that came before: two pictures may have one name. */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let number = 2; taken.has(distinct); number++) distinct = `${name}-${number}`;
    taken.add(distinct);
    return distinct;
  });
}

/** What the system says, without its error number, and without the name of the call and of the file. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
