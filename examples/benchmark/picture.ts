import type { PixelImage } from '../../node.ts';

/** A picture of discs on a slope of colours: no photograph is needed where only time counts. */
export function drawPicture(width = 640, height = 480): PixelImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inDisc = ((x % 160) - 80) ** 2 + ((y % 160) - 80) ** 2 < 60 ** 2;
      const level = inDisc ? 255 - (x * 255) / width : (x * 255) / width;
      data.set([level, (y * 255) / height, inDisc ? 40 : 200], (y * width + x) * 3);
    }
  }
  return { data, width, height };
}
