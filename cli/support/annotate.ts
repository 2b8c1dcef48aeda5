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

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The picture as PNG, with a box and a label for every detection. */
export async function annotate(picture: DecodedImage, detections: readonly Detection[]): Promise<Buffer> {
  const { width, height } = picture;
  const data = new Uint8Array(picture.data);
  const canvas = { data, width, height };
  // What is drawn grows with the picture, but no further than a very flat one has room for.
  const extent = Math.min(Math.max(width, height), 3 * Math.min(width, height));
  // The best detection is drawn last, on top of the others, and labels on top of all boxes.
  for (const detection of [...detections].reverse()) drawBox(canvas, detection, Math.max(1, Math.round(extent / 320)));
  drawLabels(canvas, detections, Math.max(1, Math.round(extent / 400)));
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

function drawBox(canvas: DecodedImage, { box, classId }: Detection, line: number): void {
  const [left, top, right, bottom] = box.map(Math.round);
  const colour = colourOf(classId);
  fill(canvas, { left, top, right, bottom: top + line }, colour);
  fill(canvas, { left, top: bottom - line, right, bottom }, colour);
  fill(canvas, { left, top, right: left + line, bottom }, colour);
  fill(canvas, { left: right - line, top, right, bottom }, colour);
}

/** The best detection's label has the first choice of its place. */
function drawLabels(canvas: DecodedImage, detections: readonly Detection[], dot: number): void {
  const placed: Rectangle[] = [];
  for (const { box, label, score, classId } of detections) {
    const text = `${label} ${score.toFixed(2)}`;
    const place = placeLabel(
      canvas,
      box,
      (textWidth(text) + 2 * MARGIN - 1) * dot,
      (TEXT_HEIGHT + 2 * MARGIN) * dot,
      placed,
    );
    placed.push(place);
    const colour = colourOf(classId);
    fill(canvas, place, colour);
    const ink = luminance(colour) > 128 ? BLACK : WHITE;
    for (const [column, row] of textDots(text)) {
      const [left, top] = [place.left + (MARGIN + column) * dot, place.top + (MARGIN + row) * dot];
      fill(canvas, { left, top, right: left + dot, bottom: top + dot }, ink);
    }
  }
}

/** On top of the box, inside at its top or its bottom, or below it: wherever there is room first. */
function placeLabel(
  canvas: DecodedImage,
  box: Detection['box'],
  width: number,
  height: number,
  placed: readonly Rectangle[],
): Rectangle {
  const [x1, y1, , y2] = box.map(Math.round);
  const left = Math.max(0, Math.min(x1, canvas.width - width));
  const places = [y1 - height, y1, y2 - height, y2]
    .map((top) => ({ left, top, right: left + width, bottom: top + height }))
    .filter(({ top, bottom }) => top >= 0 && bottom <= canvas.height);
  const free = places.find((place) => !placed.some((other) => overlaps(place, other)));
  return free ?? places[0] ?? { left, top: 0, right: left + width, bottom: height };
}

function overlaps(a: Rectangle, b: Rectangle): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function colourOf(classId: number): Colour {
  return COLOURS[classId % COLOURS.length];
}

/** Fills a rectangle, or what of it lies in the picture. */
function fill({ data, width, height }: DecodedImage, { left, top, right, bottom }: Rectangle, colour: Colour): void {
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    for (let x = Math.max(0, left); x < Math.min(width, right); x++) data.set(colour, (y * width + x) * 3);
  }
}

/** 0..255, as ITU-R BT.601 weighs the colours. */
function luminance([red, green, blue]: Colour): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
