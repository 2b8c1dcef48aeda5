import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { markdownTable, writeMarkdown } from '../../../cli/benchmark/markdown.ts';
import { InvalidArgumentError } from '../../../node.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();

describe('markdownTable', () => {
  it('has a head, a rule and rows, and keeps bars of the text apart', () => {
    const table = markdownTable([
      ['network', 'ms'],
      ['a|b', 1.5],
    ]);
    expect(table).toBe('| network | ms |\n| --- | --- |\n| a\\|b | 1.5 |');
  });
});

describe('writeMarkdown', () => {
  it('makes a file with a section, and replaces the section later', async () => {
    const file = join(folder, 'new.md');
    await writeMarkdown(file, 'speed', 'first');
    expect(readFileSync(file, 'utf8')).toBe('<!-- speed -->\n\nfirst\n\n<!-- /speed -->\n');
    await writeMarkdown(file, 'speed', 'second\n');
    expect(readFileSync(file, 'utf8')).toBe('<!-- speed -->\n\nsecond\n\n<!-- /speed -->\n');
  });

  it('leaves what is around the section', async () => {
    const file = join(folder, 'README.md');
    writeFileSync(file, '# Title\n<!-- speed -->old<!-- /speed -->\n## More <!-- /speed -->');
    await writeMarkdown(file, 'speed', '$& new');
    expect(readFileSync(file, 'utf8')).toBe(
      '# Title\n<!-- speed -->\n\n$& new\n\n<!-- /speed -->\n## More <!-- /speed -->',
    );
  });

  it('touches no file without the section', async () => {
    const file = join(folder, 'other.md');
    writeFileSync(file, 'precious');
    await expect(writeMarkdown(file, 'speed', 'text')).rejects.toThrow(InvalidArgumentError);
    await expect(writeMarkdown(file, 'speed', 'text')).rejects.toThrow(/other\.md is there and has no section/);
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});
