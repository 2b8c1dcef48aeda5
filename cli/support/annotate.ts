import sharp from 'sharp';
import type { DecodedImage, Detection } from '../../node.ts';
import { TEXT_HEIGHT, textDots, textWidth } from './lettering.ts';

type Colour = readonly [red: number, green: number, blue: number];

/** Colours that stand apart on photographs, by class. */
const COLOURS: readonly Colour[] = [
  [230, 25, 75],
  [60, 180, 75],
  [67, 99, 216],
  [245, 130, 49],
  [145, 30, 180],
  [0, 128, 128],
  [240, 50, 230],
  [154, 99, 36],
  [128, 128, 0],
  [0, 0, 117],
];
const BLACK: Colour = [0, 0, 0];
const WHITE: Colour = [255, 255, 255];

/** Dots around a label's text. */
const MARGIN = 2;

/** The picture as PNG, with a box and a label for every detection. */
export async function annotate(picture: DecodedImage, detections: readonly Detection[]): Promise<Buffer> {
  const { width, height } = picture;
  const data = new Uint8Array(picture.data);
  // The best detection is drawn last, on top.
  for (const detection of [...detections].reverse()) draw({ data, width, height }, detection);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

function draw(picture: DecodedImage, { box, label, score, classId }: Detection): void {
  const { width, height } = picture;
  const colour = COLOURS[classId % COLOURS.length];
  // What is drawn grows with the picture, but no further than a very flat one has room for.
  const extent = Math.min(Math.max(width, height), 3 * Math.min(width, height));
  const line = Math.max(1, Math.round(extent / 320));
  const dot = Math.max(1, Math.round(extent / 400));
  const [x1, y1, x2, y2] = box.map(Math.round);
  fill(picture, x1, y1, x2, y1 + line, colour);
  fill(picture, x1, y2 - line, x2, y2, colour);
  fill(picture, x1, y1, x1 + line, y2, colour);
  fill(picture, x2 - line, y1, x2, y2, colour);

  const text = `${label} ${score.toFixed(2)}`;
  const labelWidth = (textWidth(text) + 2 * MARGIN - 1) * dot;
  const labelHeight = (TEXT_HEIGHT + 2 * MARGIN) * dot;
  // On top of the box; inside where there is no room, as high up as it can be.
  const left = Math.max(0, Math.min(x1, width - labelWidth));
  const top = y1 >= labelHeight ? y1 - labelHeight : y1;
  fill(picture, left, top, left + labelWidth, top + labelHeight, colour);
  const ink = luminance(colour) > 128 ? BLACK : WHITE;
  for (const [column, row] of textDots(text)) {
    const [x, y] = [left + (MARGIN + column) * dot, top + (MARGIN + row) * dot];
    fill(picture, x, y, x + dot, y + dot, ink);
  }
}

/** Fills a rectangle, or what of it lies in the picture. */
function fill({ data, width, height }: DecodedImage, x1: number, y1: number, x2: number, y2: number, colour: Colour) {
  for (let y = Math.max(0, y1); y < Math.min(height, y2); y++) {
    for (let x = Math.max(0, x1); x < Math.min(width, x2); x++) data.set(colour, (y * width + x) * 3);
  }
}

/** 0..255, as ITU-R BT.601 weighs the colours. */
function luminance([red, green, blue]: Colour): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
