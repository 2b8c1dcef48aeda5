import type { InputContract } from '../../models/contract.ts';

/** Where an image lies in the network's input. */
export interface Geometry {
  /** Input pixels per image pixel. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** Top left corner of the resized image, whole pixels of the input. */
  readonly left: number;
  readonly top: number;
  /** Size of the resized image, whole pixels, at least 1. */
  readonly contentWidth: number;
  readonly contentHeight: number;
}

/** x1, y1, x2, y2. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

type ResizeContract = Pick<
  InputContract,
  'width' | 'height' | 'resize' | 'align' | 'contentSize' | 'allowEnlarge' | 'rounding'
>;

/**
 * Where an image of the given size (whole pixels, at least 1) lies in the input of a network, as its family's own
 * preprocessing puts it: Ultralytics (centred, rounded), YOLOX (top left, truncated), YOLO-NAS (centred in a larger input),
 * Darknet (stretched).
 */
export function letterboxGeometry(imageWidth: number, imageHeight: number, input: ResizeContract): Geometry {
  const [fitWidth, fitHeight] = input.contentSize;
  if (input.resize === 'stretch') {
    return {
      scaleX: fitWidth / imageWidth,
      scaleY: fitHeight / imageHeight,
      ...place(fitWidth, fitHeight, input),
    };
  }
  const fit = Math.min(fitHeight / imageHeight, fitWidth / imageWidth);
  const scale = input.allowEnlarge ? fit : Math.min(fit, 1);
  const whole = input.rounding === 'round' ? roundHalfEven : Math.trunc;
  return {
    scaleX: scale,
    scaleY: scale,
    ...place(Math.max(1, whole(imageWidth * scale)), Math.max(1, whole(imageHeight * scale)), input),
  };
}

/** A box of the network's input as pixels of the image, clipped to the image. */
export function boxToImage(box: Box, geometry: Geometry, imageWidth: number, imageHeight: number): Box {
  const { scaleX, scaleY, left, top } = geometry;
  const x = (value: number) => clamp((value - left) / scaleX, imageWidth);
  const y = (value: number) => clamp((value - top) / scaleY, imageHeight);
  return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
}

function place(contentWidth: number, contentHeight: number, { width, height, align }: ResizeContract) {
  const centred = align === 'center';
  return {
    left: centred ? Math.floor((width - contentWidth) / 2) : 0,
    top: centred ? Math.floor((height - contentHeight) / 2) : 0,
    contentWidth,
    contentHeight,
  };
}

/** Python's `round`, which the families' own preprocessing uses. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function clamp(value: number, maximum: number): number {
  return Math.min(Math.max(value, 0), maximum);
}
