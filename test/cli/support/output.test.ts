import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkJsonDestination, table, writeJson } from '../../../cli/support/output.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

describe('table', () => {
  it('aligns columns by their widest cell, numbers to the right, and ends no line with spaces', () => {
    const rows = [['name', 'count', 'kind'], ['a', 5, 'x'], ['longer', 12345678, ''], ['short']];
    expect(table(rows).split('\n')).toEqual([
      'name    count     kind',
      'a              5  x',
      'longer  12345678',
      'short',
    ]);
  });

  it('is empty without rows', () => {
    expect(table([])).toBe('');
  });
});

describe('JSON', () => {
  it('is written into a file whose folder is made', async () => {
    await checkJsonDestination(at('new/deep/a.json'));
    await writeJson(at('new/deep/a.json'), [{ value: 1 }]);
    expect(JSON.parse(readFileSync(at('new/deep/a.json'), 'utf8'))).toEqual([{ value: 1 }]);
  });

  it('replaces JSON and empty files, and nothing else', async () => {
    writeFileSync(at('list.json'), '[1]');
    writeFileSync(at('object.txt'), '{}');
    writeFileSync(at('empty'), '');
    writeFileSync(at('picture.jpg'), Uint8Array.of(0xff, 0xd8, 0xff));
    for (const name of ['list.json', 'object.txt', 'empty', 'later.json']) await checkJsonDestination(at(name));
    await expect(checkJsonDestination(at('picture.jpg'))).rejects.toThrow(/--json would overwrite .*picture\.jpg/);
    expect(existsSync(at('later.json'))).toBe(false);
  });

  it('may be printed, or go to a device', async () => {
    for (const destination of [undefined, true, '-', '/dev/null'] as const) await checkJsonDestination(destination);
    await writeJson('/dev/null', []);
  });
});
