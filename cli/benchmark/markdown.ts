import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from '../../node.ts';
import { writeWhole } from '../support/files.ts';

type Cell = string | number;

/** @param rows the head first */
export function markdownTable([head, ...rows]: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Writes text into a Markdown file. In one that is there it replaces what lies between the lines `<!-- section -->` and
 * `<!-- /section -->`, as this function writes them around the text of a new file.
 * @throws InvalidArgumentError where the file is there and has no such section
 */
export async function writeMarkdown(file: string, section: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '');
  await writeWhole(
    file,
    before.trim() === '' ? `${marked(section, text)}\n` : replaceSection(before, section, text, file),
  );
}

/** @param file for messages */
export function replaceSection(document: string, section: string, text: string, file: string): string {
  const [begin, end] = markers(section);
  const first = document.indexOf(begin);
  const last = document.indexOf(end, first);
  if (first < 0 || last < 0) {
    throw new InvalidArgumentError(
      `${file} is there and has no section for the table: name another file, or put "${begin}" and "${end}" into it`,
    );
  }
  return document.slice(0, first) + marked(section, text) + document.slice(last + end.length);
}

function marked(section: string, text: string): string {
  const [begin, end] = markers(section);
  return `${begin}\n\n${text.trim()}\n\n${end}`;
}

function markers(section: string): readonly [string, string] {
  return [`<!-- ${section} -->`, `<!-- /${section} -->`];
}
