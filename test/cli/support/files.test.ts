import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distinctNames, ensureFolder, readBytes, readText, writeWhole } from '../../../cli/support/files.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

describe('writeWhole', () => {
  it('writes a new file and replaces an old one, and leaves nothing else', async () => {
    mkdirSync(at('whole'));
    await writeWhole(at('whole/a.txt'), 'first');
    await writeWhole(at('whole/a.txt'), 'second');
    expect(readFileSync(at('whole/a.txt'), 'utf8')).toBe('second');
    expect(readdirSync(at('whole'))).toEqual(['a.txt']);
  });

  it('replaces what a link leads to, not the link', async () => {
    writeFileSync(at('target.txt'), 'old');
    symlinkSync(at('target.txt'), at('link.txt'));
    await writeWhole(at('link.txt'), 'new');
    expect(readlinkSync(at('link.txt'))).toBe(at('target.txt'));
    expect(readFileSync(at('target.txt'), 'utf8')).toBe('new');
  });

  it('leaves nothing where it fails', async () => {
    mkdirSync(at('taken/inside'), { recursive: true });
    await expect(writeWhole(at('taken/inside'), 'x')).rejects.toThrow(/can't write .*inside: illegal operation/);
    await expect(writeWhole(at('no-folder/a.txt'), 'x')).rejects.toThrow(/can't write .*a\.txt: no such file/);
    expect(readdirSync(at('taken'))).toEqual(['inside']);
  });
});

describe('ensureFolder', () => {
  it('makes a folder and those above it, and is content with one that is there', async () => {
    await ensureFolder(at('one/two/three'));
    await ensureFolder(at('one/two/three'));
    expect(readdirSync(at('one/two'))).toEqual(['three']);
  });

  it('refuses a file, and a folder below a file', async () => {
    writeFileSync(at('file'), '');
    await expect(ensureFolder(at('file'))).rejects.toThrow(/can't write into .*file: it is a file/);
    await expect(ensureFolder(at('file/below'))).rejects.toThrow(/can't write into .*below: it is a file/);
  });
});

describe('reading', () => {
  it('gives bytes and text, without a byte order mark', async () => {
    writeFileSync(at('text.txt'), '\ufeffäöü');
    expect(await readText(at('text.txt'))).toBe('äöü');
    expect((await readBytes(at('text.txt'))).length).toBe(9);
  });

  it('says which file and why', async () => {
    await expect(readBytes(at('missing'))).rejects.toThrow(/missing can't be read: no such file or directory$/);
    await expect(readText(folder)).rejects.toThrow(/can't be read: illegal operation on a directory$/);
  });
});

describe('distinctNames', () => {
  it('numbers names that came before, and never meets another', () => {
    expect(distinctNames(['a', 'b', 'a', 'a'])).toEqual(['a', 'b', 'a-2', 'a-3']);
    expect(distinctNames(['a', 'a-2', 'a'])).toEqual(['a', 'a-2', 'a-3']);
    expect(new Set(distinctNames(['a', 'a', 'a-2'])).size).toBe(3);
  });
});
