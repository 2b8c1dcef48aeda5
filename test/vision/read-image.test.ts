import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { InvalidImageError, readImage } from '../../node.ts';
import { fromRoot } from '../../scripts/support/paths.mjs';

const SCENE = fromRoot('examples/images/scene-1.jpg');

/** Red, green, blue and grey pixels in 2 x 2. */
const PIXELS = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100);
const picture = () => sharp(PIXELS, { raw: { width: 2, height: 2, channels: 3 } });
const expected = { data: [...PIXELS], width: 2, height: 2 };

async function decode(file: Uint8Array) {
  const { data, ...size } = await readImage(file);
  return { data: [...data], ...size };
}

describe('readImage', () => {
  it('decodes lossless formats to the same bytes', async () => {
    const files = [
      picture().png(),
      picture().png({ palette: true }),
      picture().webp({ lossless: true }),
      picture().tiff({ compression: 'lzw' }),
      picture().gif(),
    ];
    for (const file of files) expect(await decode(await file.toBuffer())).toEqual(expected);
  });

  it('reads a file by its name', async () => {
    const { data, width, height } = await readImage(SCENE);
    expect([width, height, data.length]).toEqual([640, 480, 640 * 480 * 3]);
  });

  it('drops transparency: the colours stay as they are stored', async () => {
    for (const alpha of [0, 0.5, 1]) {
      expect(await decode(await picture().ensureAlpha(alpha).png().toBuffer())).toEqual(expected);
    }
  });

  it('takes 16 bits for 8, and grey for RGB', async () => {
    expect(await decode(await picture().toColourspace('rgb16').png().toBuffer())).toEqual(expected);
    const levels = Uint16Array.of(0, 0x80ff, 0xffff, 0x1234);
    const deepGrey = sharp(levels, { raw: { width: 4, height: 1, channels: 1 } }).toColourspace('grey16');
    const grey = [0, 0, 0, 0x80, 0x80, 0x80, 255, 255, 255, 0x12, 0x12, 0x12];
    expect((await decode(await deepGrey.png().toBuffer())).data).toEqual(grey);
    const withAlpha = sharp(Uint8Array.of(7, 9), { raw: { width: 1, height: 1, channels: 2 } });
    expect((await decode(await withAlpha.png().toBuffer())).data).toEqual([7, 7, 7]);
  });

  it('takes CMYK', async () => {
    const size = { width: 64, height: 64, channels: 3 } as const;
    const plain = sharp({ create: { ...size, background: '#4080c0' } });
    const { data } = await readImage(await plain.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer());
    expect(data).toHaveLength(64 * 64 * 3);
    // Blue stays the strongest and red the weakest, whatever profile converted the colours.
    expect(data[2] > data[1] && data[1] > data[0]).toBe(true);
  });

  it('turns a picture upright as its EXIF data say', async () => {
    // 6: the top of the scene lies at the right edge of what is stored.
    const turned = await picture().png().withMetadata({ orientation: 6 }).toBuffer();
    const [red, green, blue, grey] = [0, 3, 6, 9].map((start) => [...PIXELS.subarray(start, start + 3)]);
    expect((await decode(turned)).data).toEqual([...blue, ...red, ...grey, ...green]);
  });

  it('takes pictures of one pixel, and of extreme shapes', async () => {
    for (const [width, height] of [
      [1, 1],
      [20_000, 20],
      [20, 20_000],
    ]) {
      const file = await sharp({ create: { width, height, channels: 3, background: '#010203' } })
        .png()
        .toBuffer();
      const image = await readImage(file);
      expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
      expect([...image.data.subarray(-3)]).toEqual([1, 2, 3]);
    }
  });

  it('refuses what is no whole picture', async () => {
    const jpeg = readFileSync(SCENE);
    const png = await sharp(SCENE).png().toBuffer();
    const cases: [string | Uint8Array, RegExp][] = [
      [new Uint8Array(0), /the image is empty/],
      [Buffer.from('no picture'), /the image can't be decoded: it contains unsupported image format/],
      [jpeg.subarray(0, jpeg.length >> 1), /the image can't be decoded/],
      [jpeg.subarray(0, 100), /the image can't be decoded/],
      [png.subarray(0, png.length >> 1), /the image can't be decoded/],
      ['missing.png', /missing\.png can't be read/],
      [fromRoot('examples'), /examples can't be read/],
    ];
    for (const [source, reason] of cases) {
      const failure = await readImage(source).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(InvalidImageError);
      expect(String(failure)).toMatch(reason);
      expect(String(failure)).not.toContain('\n');
    }
  });
});
