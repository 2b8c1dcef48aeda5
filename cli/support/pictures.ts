import { type DecodedImage, readImage } from '../../node.ts';

/** Pixels that are held in memory while the network is compiled. */
const BYTES_AHEAD = 2 ** 28;

/**
 * Picture files and what is in them, in order. As many as fit into memory are decoded at once, so that one that can't be
 * read is said before a network is compiled for it.
 * @throws InvalidImageError
 */
export async function decodePictures(
  files: readonly string[],
  bytesAhead = BYTES_AHEAD,
): Promise<AsyncIterable<[string, DecodedImage]>> {
  const ahead: DecodedImage[] = [];
  let bytes = 0;
  for (const file of files) {
    if (bytes >= bytesAhead) break;
    const image = await readImage(file);
    ahead.push(image);
    bytes += image.data.length;
  }
  return inOrder(files, ahead);
}

async function* inOrder(files: readonly string[], ahead: DecodedImage[]): AsyncGenerator<[string, DecodedImage]> {
  for (const file of files) yield [file, ahead.shift() ?? (await readImage(file))];
}
