import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePictures } from '../../../cli/support/pictures.ts';
import { temporaryFolder } from '../../support/cli.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

/** Pictures of 1, 2 and 3 pixels. */
const files = [1, 2, 3].map((width) => at(`${width}.png`));

beforeAll(async () => {
  for (const [index, file] of files.entries()) {
    await sharp({ create: { width: index + 1, height: 1, channels: 3, background: 'red' } })
      .png()
      .toFile(file);
  }
  writeFileSync(at('broken.png'), 'no picture');
});

async function widths(names: readonly string[], bytesAhead?: number): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for await (const [file, { width }] of await decodePictures(names, bytesAhead)) found.push([file, width]);
  return found;
}

describe('decodePictures', () => {
  it('gives pictures in their order, however many are decoded ahead', async () => {
    const names = [files[2], files[0], files[2], files[1]];
    const expected = names.map((file) => [file, files.indexOf(file) + 1]);
    for (const bytesAhead of [undefined, 0, 1, 10]) expect(await widths(names, bytesAhead)).toEqual(expected);
  });

  it('says at once which picture is broken, as far as it decodes ahead', async () => {
    const names = [files[0], at('broken.png')];
    await expect(decodePictures(names)).rejects.toThrow(/broken\.png can't be decoded/);
    const later = await decodePictures(names, 1);
    await expect(
      (async () => {
        for await (const _ of later);
      })(),
    ).rejects.toThrow(/broken\.png can't be decoded/);
  });
});
