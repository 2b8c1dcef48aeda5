import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { annotate } from '../../../cli/support/annotate.ts';
import { TEXT_HEIGHT, textDots, textWidth } from '../../../cli/support/lettering.ts';
import type { DecodedImage, Detection } from '../../../node.ts';

const grey = (width: number, height: number): DecodedImage => ({
  // A Buffer, as decoders give it: its `slice` is no copy.
  data: Buffer.alloc(width * height * 3, 100),
  width,
  height,
});

const detection = (box: Detection['box'], changes: Partial<Detection> = {}): Detection => ({
  box,
  score: 0.5,
  classId: 0,
  label: 'cat',
  ...changes,
});

async function decoded(picture: DecodedImage, detections: readonly Detection[]) {
  const { data, info } = await sharp(await annotate(picture, detections))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)];
  return { pixel, width: info.width, height: info.height, channels: info.channels };
}

const RED = [230, 25, 75];
const GREEN = [60, 180, 75];
const GREY = [100, 100, 100];

describe('annotate', () => {
  it('draws the outline of a box and a label on top of it, and leaves the rest as it was', async () => {
    const picture = grey(320, 240);
    const { pixel, ...size } = await decoded(picture, [detection([100.4, 80, 200, 160])]);
    expect(size).toEqual({ width: 320, height: 240, channels: 3 });
    for (const [x, y] of [
      [100, 100],
      [199, 100],
      [150, 80],
      [150, 159],
    ]) {
      expect(pixel(x, y)).toEqual(RED);
    }
    for (const [x, y] of [
      [101, 100],
      [200, 100],
      [150, 120],
      [150, 160],
      [90, 75],
    ]) {
      expect(pixel(x, y)).toEqual(GREY);
    }
    expect(pixel(100, 79)).toEqual(RED);
    expect(picture.data.every((value) => value === 100)).toBe(true);
  });

  it('keeps labels in the picture: inside a box at the top, moved left at the right edge', async () => {
    const { pixel } = await decoded(grey(320, 240), [
      detection([100, 2, 200, 100]),
      detection([310, 100, 320, 120], { classId: 1 }),
    ]);
    expect(pixel(101, 3)).toEqual(RED);
    expect(pixel(319, 99)).toEqual(GREEN);
    expect(pixel(300, 99)).toEqual(GREEN);
  });

  it('draws the best detection on top', async () => {
    const { pixel } = await decoded(grey(320, 240), [
      detection([10, 30, 140, 150]),
      detection([10, 30, 140, 150], { classId: 1, label: 'dog' }),
    ]);
    expect(pixel(10, 90)).toEqual(RED);
  });

  it('puts labels side by side where boxes share a corner', async () => {
    const { pixel } = await decoded(grey(320, 240), [
      detection([100, 60, 200, 160]),
      detection([100, 60, 210, 170], { classId: 1 }),
    ]);
    expect(pixel(101, 58)).toEqual(RED);
    expect(pixel(102, 62)).toEqual(GREEN);
  });

  it('takes pictures of every shape, and any label', async () => {
    for (const [width, height] of [
      [1, 1],
      [20_000, 20],
      [20, 20_000],
    ]) {
      const label = '<b>名前 & "1"</b>';
      const { pixel, ...size } = await decoded(grey(width, height), [detection([0, 0, width, height], { label })]);
      expect(size).toMatchObject({ width, height });
    }
  });
});

describe('lettering', () => {
  const drawn = (text: string) => {
    const dots = new Set(textDots(text).map(String));
    return Array.from({ length: TEXT_HEIGHT }, (_, y) =>
      Array.from({ length: textWidth(text) }, (_, x) => (dots.has(`${x},${y}`) ? '#' : '.')).join(''),
    );
  };

  it('draws letters', () => {
    expect(drawn('E1')).toEqual([
      '#####...#...',
      '#......##...',
      '#.......#...',
      '####....#...',
      '#.......#...',
      '#.......#...',
      '#####..###..',
    ]);
  });

  it('has every printable letter of ASCII, each another, and a question mark for the rest', () => {
    const all = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
    expect(new Set(all.map((letter) => String(textDots(letter)))).size).toBe(94);
    expect(textDots(' ')).toEqual([]);
    expect(textDots('名')).toEqual(textDots('?'));
    expect(textWidth('名a')).toBe(12);
  });
});
