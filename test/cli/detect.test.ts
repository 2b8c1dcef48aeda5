import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { overlap } from '../../cli/evaluation/average-precision.ts';
import { type Box, parseCocoDataset } from '../../cli/evaluation/coco.ts';
import type { DetectionResult } from '../../node.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { onelook, temporaryFolder } from '../support/cli.ts';

type Entry = DetectionResult & { readonly image: string };

const EXAMPLES = fromRoot('examples/images');
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const dataset = parseCocoDataset(readFileSync(join(EXAMPLES, 'instances.json'), 'utf8'), 'instances.json');
const scenes = dataset.images.slice(0, 2);

/** The fields, and no other, that the JSON of `detect` has. */
function expectEntry(entry: Entry): void {
  expect(Object.keys(entry)).toEqual(['image', 'width', 'height', 'detections', 'timings', 'adapter']);
  for (const { box, score, classId, label, ...rest } of entry.detections) {
    const [x1, y1, x2, y2] = box;
    expect(rest).toEqual({});
    expect(box).toHaveLength(4);
    expect(0 <= x1 && x1 < x2 && x2 <= entry.width && 0 <= y1 && y1 < y2 && y2 <= entry.height).toBe(true);
    expect(score > 0 && score <= 1).toBe(true);
    expect(dataset.categories.map(({ name }) => name)).toContain(label);
    expect(Number.isInteger(classId)).toBe(true);
  }
  expect(entry.timings.total).toBeGreaterThan(0);
  expect(entry.adapter.name).not.toBe('');
  expect(typeof entry.adapter.software).toBe('boolean');
}

describe('onelook detect with the embedded network', () => {
  it('finds the objects of scenes, writes annotated pictures and JSON, and tells people', async () => {
    mkdirSync(at('copies'));
    const copy = at(`copies/${scenes[0].file_name}`);
    copyFileSync(join(EXAMPLES, scenes[0].file_name), copy);
    const files = [...scenes.map(({ file_name }) => join(EXAMPLES, file_name)), copy];
    const { status, stdout, stderr } = await onelook([
      'detect',
      ...files,
      '--out',
      at('out/new'),
      '--json',
      at('json/new/found.json'),
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });

    const entries: Entry[] = JSON.parse(readFileSync(at('json/new/found.json'), 'utf8'));
    expect(entries.map(({ image }) => image)).toEqual(files);
    entries.forEach(expectEntry);
    expect(entries[2].detections).toEqual(entries[0].detections);
    scenes.forEach(({ id, width, height }, index) => {
      const { detections, ...entry } = entries[index];
      expect(entry).toMatchObject({ width, height });
      // The best detection is an object of the scene.
      const [best] = detections;
      const [x1, y1, x2, y2] = best.box;
      const category = dataset.categories.find(({ name }) => name === best.label)?.id;
      const truth = dataset.annotations.filter((object) => object.image_id === id && object.category_id === category);
      const box: Box = [x1, y1, x2 - x1, y2 - y1];
      expect(Math.max(...truth.map(({ bbox }) => overlap(bbox, box, false)))).toBeGreaterThan(0.5);
    });

    const names = scenes.map(({ file_name }) => file_name.replace('.jpg', ''));
    const pictures = [...names, `${names[0]}-2`].map((name) => `${name}.png`);
    expect(readdirSync(at('out/new')).sort()).toEqual([...pictures].sort());
    for (const [index, name] of pictures.entries()) {
      const { data, info } = await sharp(at(`out/new/${name}`))
        .raw()
        .toBuffer({ resolveWithObject: true });
      const original = await sharp(files[index]).raw().toBuffer();
      expect(info).toMatchObject({ width: entries[index].width, height: entries[index].height, channels: 3 });
      expect(data.equals(original)).toBe(false);
      expect(stdout).toContain(`-> ${at(`out/new/${name}`)}`);
    }
    const [{ label, score }] = entries[0].detections;
    expect(stdout).toMatch(new RegExp(`^ {2}${label} +${score.toFixed(3)} `, 'm'));
    expect(stdout).toContain(`on ${entries[0].adapter.name}`);
    expect(stdout.includes('a software adapter')).toBe(entries[0].adapter.software);
  });

  it('takes pictures of every kind, and prints JSON alone', async () => {
    const scene = sharp(join(EXAMPLES, scenes[0].file_name));
    const plain = (width: number, height: number) =>
      sharp({ create: { width, height, channels: 3, background: '#804020' } }).png();
    await Promise.all([
      scene.clone().png().toFile(at('plain.png')),
      scene.clone().ensureAlpha(0.3).png().toFile(at('alpha.png')),
      scene.clone().toColourspace('rgb16').png().toFile(at('16-bit.png')),
      scene.clone().greyscale().toColourspace('b-w').png().toFile(at('grey.png')),
      scene.clone().toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('cmyk.jpg')),
      plain(1, 1).toFile(at('dot.png')),
      plain(20_000, 20).toFile(at('flat.png')),
      plain(20, 20_000).toFile(at('narrow.png')),
    ]);
    const names = ['plain.png', 'alpha.png', '16-bit.png', 'grey.png', 'cmyk.jpg', 'dot.png', 'flat.png', 'narrow.png'];
    const args = ['detect', ...names, '--score', '0.02', '--max', '7', '--iou', '0.5', '--json'];
    const { status, stdout, stderr } = await onelook(args, { cwd: folder });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const entries: Entry[] = JSON.parse(stdout);
    entries.forEach(expectEntry);
    expect(entries.map(({ image, width, height }) => [image, width, height])).toEqual(
      names.map((name, index) => [
        name,
        ...([
          [1, 1],
          [20_000, 20],
          [20, 20_000],
        ][index - 5] ?? [640, 480]),
      ]),
    );
    const [plainEntry, alpha, deep, grey, cmyk] = entries.map(({ detections }) => detections);
    expect(plainEntry).toHaveLength(7);
    expect(alpha).toEqual(plainEntry);
    expect(deep).toEqual(plainEntry);
    // Without colours, and with colours that were converted twice, the objects look much the same.
    for (const found of [grey, cmyk]) expect(found.map(({ label }) => label)).toContain(plainEntry[0].label);
  });
});
