import sharp from 'sharp';
import type { Detection } from '../../node.ts';
import { TEXT_HEIGHT, textPath, textWidth } from './lettering.ts';

/** Colours that stand apart on photographs, by class. */
const COLOURS = [
  '#e6194b',
  '#3cb44b',
  '#4363d8',
  '#f58231',
  '#911eb4',
  '#008080',
  '#f032e6',
  '#9a6324',
  '#808000',
  '#000075',
];

interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The picture as PNG, with a box and a label for every detection. */
export async function annotate(picture: Picture, detections: readonly Detection[]): Promise<Buffer> {
  const { data, width, height } = picture;
  const base = sharp(data, { raw: { width, height, channels: 3 } });
  return base
    .composite([{ input: Buffer.from(drawing(width, height, detections)), top: 0, left: 0 }])
    .png()
    .toBuffer();
}

function drawing(width: number, height: number, detections: readonly Detection[]): string {
  const line = Math.max(1, Math.round(Math.max(width, height) / 320));
  const scale = Math.max(1, Math.round(Math.max(width, height) / 480));
  // The best detection is drawn last, on top.
  const shapes = [...detections].reverse().map(({ box: [x1, y1, x2, y2], label, score, classId }) => {
    const colour = COLOURS[classId % COLOURS.length];
    const text = `${label} ${score.toFixed(2)}`;
    const [labelWidth, labelHeight] = [(textWidth(text) + 3) * scale, (TEXT_HEIGHT + 4) * scale];
    const left = Math.max(0, Math.min(x1, width - labelWidth));
    const top = y1 >= labelHeight ? y1 - labelHeight : y1;
    return (
      `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${colour}" stroke-width="${line}"/>` +
      `<rect x="${left}" y="${top}" width="${labelWidth}" height="${labelHeight}" fill="${colour}"/>` +
      `<path transform="translate(${left + 2 * scale} ${top + 2 * scale}) scale(${scale})" fill="#fff" d="${textPath(text)}"/>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join('')}</svg>`;
}
