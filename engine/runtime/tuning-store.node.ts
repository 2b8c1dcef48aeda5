import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LONGEST_TABLE } from '../plan/tuning-table.ts';
import type { TuningStore } from './tuning-store.ts';

/**
 * A table in a file.
 * @param file by default one in `cacheFolder`, named after what tells the table from those of other adapters
 */
export function openFileStore(key: string, adapter: string, file?: string): TuningStore {
  const path = file ?? join(cacheFolder(), `tuning-${slug(adapter)}-${hash(key)}.json`);
  return {
    name: path,
    owned: file === undefined,
    read: () => readTable(path),
    update: async (change) => {
      await makeFolder(dirname(resolve(path)));
      await locked(`${path}.lock`, async () => {
        const before = await readTable(path).catch(() => '');
        const text = change(before);
        if (text !== undefined && text !== before) await replaceFile(path, text);
      });
    },
  };
}

/** The platform's folder for what can be made anew: XDG_CACHE_HOME, where it is set, on every platform. */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = environment;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'onelook');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'onelook');
  if (platform === 'win32') return join(LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'onelook', 'Cache');
  return join(homedir(), '.cache', 'onelook');
}

/** No more of a file than a table can have. Undefined where there is no file. */
async function readTable(path: string): Promise<string | undefined> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!status) return undefined;
  if (!status.isFile()) throw new Error('it is no file');
  if (status.size > LONGEST_TABLE) throw new Error(`it has ${status.size} bytes, more than a table can have`);
  return readFile(path, 'utf8');
}

/** Readers see the old file or the new one: it is written beside the old one, and takes its name. */
async function replaceFile(path: string, text: string): Promise<void> {
  const neighbour = join(dirname(path), `.onelook-${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(neighbour, text);
    await rename(neighbour, path);
  } catch (error) {
    await rm(neighbour, { force: true });
    throw error;
  }
}

/** Parents first. Node's own recursive mkdir never ends where a parent is there and forbids it with ENOENT, as /proc does. */
async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeFolder(parent);
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Writing takes milliseconds: a lock that is so old was left by a process that ended. */
const STALE_LOCK_MS = 5000;

const LOCK_PAUSE_MS = 10;

/** Works while a file of this name is there, which others respect. */
async function locked(lock: string, work: () => Promise<void>): Promise<void> {
  const patience = Date.now() + 2 * STALE_LOCK_MS;
  while (!(await takeLock(lock))) {
    if (Date.now() > patience) throw new Error(`${lock} keeps others from writing: remove it`);
    const status = await stat(lock).catch(() => undefined);
    if (status && Date.now() - status.mtimeMs > STALE_LOCK_MS) await rm(lock, { force: true });
    else await new Promise((wake) => setTimeout(wake, LOCK_PAUSE_MS));
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Whether there was none. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, '', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function slug(name: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? ['adapter'];
  return words.join('-').slice(0, 40);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
