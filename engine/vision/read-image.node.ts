import { readFile } from 'node:fs/promises';
import { InvalidImageError } from '../errors.ts';

/** Decoded pixels: three bytes each, red, green, blue, row by row from the top. */
export interface DecodedImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes a picture file (JPEG, PNG, WebP, AVIF, TIFF, GIF) to 8-bit RGB, upright as its EXIF orientation says. Transparency
 * is dropped, not blended: the colours stay as stored, as most training pipelines read them. 16 bits become 8, grey
 * becomes RGB. An embedded colour profile is ignored: training pipelines (OpenCV) read levels as they are stored, and
 * scores shift by several hundredths otherwise. Throws `InvalidImageError` where the file can't be read or decoded to its end.
 */
export async function readImage(source: string | Uint8Array): Promise<DecodedImage> {
  const name = typeof source === 'string' ? source : 'the image';
  let bytes: Uint8Array;
  try {
    bytes = typeof source === 'string' ? await readFile(source) : source;
  } catch (error) {
    throw new InvalidImageError(`${name} can't be read: ${reasonOf(error)}`, { cause: error });
  }
  if (bytes.length === 0) throw new InvalidImageError(`${name} is empty`);
  // Loaded here: whoever brings pixels, or raw tensors, needs no decoder.
  const { default: sharp } = await import('sharp');
  try {
    const { data, info } = await sharp(bytes, { failOn: 'truncated', ignoreIcc: true })
      .autoOrient()
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`it has ${info.channels} channels after conversion to RGB`);
    return { data, width: info.width, height: info.height };
  } catch (error) {
    throw new InvalidImageError(`${name} can't be decoded: ${reasonOf(error)}`, { cause: error });
  }
}

/** The first line of a library's message, without the names of its internals in front. */
function reasonOf(error: unknown): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.replace(/^Input (file|buffer) /, 'it ');
}
