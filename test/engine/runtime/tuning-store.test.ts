import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LONGEST_TABLE } from '../../../engine/plan/tuning-table.ts';
import { cacheFolder, openFileStore } from '../../../engine/runtime/tuning-store.node.ts';
import { openIndexedDbStore } from '../../../engine/runtime/tuning-store.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

/** A set of words as a file. */
const adding = (word: string) => (text: string | undefined) =>
  [...new Set([...(text ? text.split(' ') : []), word])].join(' ');

describe('a store in a file', () => {
  it('has nothing at first, and then what was written', async () => {
    const store = openFileStore('key', 'Acme One', at('new/folder/table.json'));
    expect(await store.read()).toBeUndefined();
    await store.update(adding('one'));
    expect(await store.read()).toBe('one');
    await store.update(adding('two'));
    expect(readFileSync(store.name, 'utf8')).toBe('one two');
    expect(readdirSync(dirname(store.name))).toEqual(['table.json']);
  });

  it('leaves the file alone where there is nothing to change', async () => {
    const store = openFileStore('key', 'Acme One', at('kept.json'));
    writeFileSync(store.name, 'a photograph');
    await store.update(() => undefined);
    expect(readFileSync(store.name, 'utf8')).toBe('a photograph');
  });

  it('keeps what writers at the same time have to say', async () => {
    const words = Array.from({ length: 16 }, (_, index) => `word${index}`);
    const name = at('shared.json');
    await Promise.all(words.map((word) => openFileStore('key', 'Acme', name).update(adding(word))));
    expect(readFileSync(name, 'utf8').split(' ').sort()).toEqual(words.sort());
    expect(readdirSync(folder).filter((file) => file.startsWith('.onelook'))).toEqual([]);
  });

  it('is not stopped by the lock of a writer that ended', async () => {
    const store = openFileStore('key', 'Acme', at('locked.json'));
    writeFileSync(at('locked.json.lock'), '');
    utimesSync(at('locked.json.lock'), new Date(0), new Date(0));
    await store.update(adding('one'));
    expect(await store.read()).toBe('one');
    expect(existsSync(at('locked.json.lock'))).toBe(false);
  });

  it('reads nothing of a file that is larger than a table', async () => {
    const store = openFileStore('key', 'Acme', at('huge.json'));
    writeFileSync(store.name, '');
    truncateSync(store.name, LONGEST_TABLE + 1);
    await expect(store.read()).rejects.toThrow('it has 2097153 bytes, more than a table can have');
  });

  it('says what is no file, or can not be written', async () => {
    mkdirSync(at('folder.json'));
    const store = openFileStore('key', 'Acme', at('folder.json'));
    await expect(store.read()).rejects.toThrow('it is no file');
    await expect(store.update(adding('one'))).rejects.toThrow(/EISDIR|EPERM|EEXIST/);
    writeFileSync(at('file'), '');
    await expect(openFileStore('key', 'Acme', at('file/table.json')).update(adding('one'))).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
  });
});

describe('the default file', () => {
  it('lies in the cache folder, one for each adapter', () => {
    vi.stubEnv('XDG_CACHE_HOME', folder);
    const [one, again, other] = [
      openFileStore('{"a":1}', 'Acme One/../(driver 7)'),
      openFileStore('{"a":1}', 'Acme One/../(driver 7)'),
      openFileStore('{"a":2}', 'Acme One/../(driver 7)'),
    ];
    expect(one.name).toMatch(/onelook.tuning-acme-one-driver-7-[0-9a-f]{12}\.json$/);
    expect(dirname(one.name)).toBe(at('onelook'));
    expect(again.name).toBe(one.name);
    expect(other.name).not.toBe(one.name);
    expect(one.owned).toBe(true);
    vi.unstubAllEnvs();
  });

  it('follows the convention of the platform', () => {
    expect(cacheFolder({}, 'linux')).toBe(join(homedir(), '.cache', 'onelook'));
    expect(cacheFolder({}, 'darwin')).toBe(join(homedir(), 'Library', 'Caches', 'onelook'));
    expect(cacheFolder({ LOCALAPPDATA: '/local' }, 'win32')).toBe(join('/local', 'onelook', 'Cache'));
    expect(cacheFolder({ XDG_CACHE_HOME: '/cache' }, 'darwin')).toBe(join('/cache', 'onelook'));
    expect(cacheFolder({ XDG_CACHE_HOME: '' }, 'linux')).toBe(join(homedir(), '.cache', 'onelook'));
  });
});

describe('a store in IndexedDB', () => {
  it('does not remember where there is none', async () => {
    const store = openIndexedDbStore('key');
    await store.update(adding('one'));
    expect(await store.read()).toBeUndefined();
  });
});
