import { describe, expect, it } from 'vitest';
import { boxToImage, letterboxGeometry } from '../../engine/vision/letterbox.ts';

type ResizeContract = Parameters<typeof letterboxGeometry>[2];

const ULTRALYTICS: ResizeContract = {
  width: 640,
  height: 640,
  resize: 'letterbox',
  align: 'center',
  contentSize: [640, 640],
  allowEnlarge: true,
  rounding: 'round',
};
const YOLOX: ResizeContract = {
  width: 416,
  height: 416,
  resize: 'letterbox',
  align: 'topLeft',
  contentSize: [416, 416],
  allowEnlarge: true,
  rounding: 'truncate',
};
const YOLO_NAS: ResizeContract = { ...ULTRALYTICS, contentSize: [636, 636] };
const DARKNET: ResizeContract = { ...YOLOX, width: 320, height: 320, resize: 'stretch', contentSize: [320, 320] };

describe('letterboxGeometry', () => {
  it.each([
    // image, contract, [left, top, content width, content height, scale x, scale y]
    ['Ultralytics, portrait', 810, 1080, ULTRALYTICS, [80, 0, 480, 640, 640 / 1080, 640 / 1080]],
    ['Ultralytics, landscape', 1280, 720, ULTRALYTICS, [0, 140, 640, 360, 0.5, 0.5]],
    ['Ultralytics, odd padding', 640, 427, ULTRALYTICS, [0, 106, 640, 427, 1, 1]],
    ['Ultralytics, enlarged', 320, 200, ULTRALYTICS, [0, 120, 640, 400, 2, 2]],
    // 333 * 640 / 1000 = 213.12, 213 rows; 427 rows of padding, 213 above.
    ['Ultralytics, rounded', 1000, 333, ULTRALYTICS, [0, 213, 640, 213, 0.64, 0.64]],
    // 1275 rows at 0.5 are 637.5, and Python rounds a half to the even 638.
    ['Ultralytics, a half', 1280, 1275, ULTRALYTICS, [0, 1, 640, 638, 0.5, 0.5]],
    ['YOLOX, landscape', 1280, 720, YOLOX, [0, 0, 416, 234, 0.325, 0.325]],
    // 427 * 416 / 640 = 277.55.
    ['YOLOX, truncated', 640, 427, YOLOX, [0, 0, 416, 277, 0.65, 0.65]],
    ['YOLO-NAS', 1280, 720, YOLO_NAS, [2, 141, 636, 358, 636 / 1280, 636 / 1280]],
    ['Darknet', 640, 427, DARKNET, [0, 0, 320, 320, 0.5, 320 / 427]],
    ['never enlarged', 320, 200, { ...ULTRALYTICS, allowEnlarge: false }, [160, 220, 320, 200, 1, 1]],
    ['1x1', 1, 1, ULTRALYTICS, [0, 0, 640, 640, 640, 640]],
    ['very wide', 20000, 20, ULTRALYTICS, [0, 319, 640, 1, 0.032, 0.032]],
    ['too thin for a pixel', 20000, 3, ULTRALYTICS, [0, 319, 640, 1, 0.032, 0.032]],
    ['too thin for a pixel, truncated', 3, 20000, YOLOX, [0, 0, 1, 416, 0.0208, 0.0208]],
  ] as const)('%s: %d x %d', (_, width, height, contract, [left, top, contentWidth, contentHeight, scaleX, scaleY]) => {
    const geometry = letterboxGeometry(width, height, contract);
    expect(geometry).toMatchObject({ left, top, contentWidth, contentHeight });
    expect(geometry.scaleX).toBeCloseTo(scaleX, 10);
    expect(geometry.scaleY).toBeCloseTo(scaleY, 10);
  });
});

describe('boxToImage', () => {
  it('undoes padding and scale', () => {
    const geometry = letterboxGeometry(1280, 720, ULTRALYTICS);
    expect(boxToImage([10, 150, 110, 240], geometry, 1280, 720)).toEqual([20, 20, 220, 200]);
  });

  it('undoes a stretch in each direction', () => {
    const geometry = letterboxGeometry(640, 480, DARKNET);
    expect(boxToImage([32, 32, 160, 160], geometry, 640, 480)).toEqual([64, 48, 320, 240]);
  });

  it('clips to the image', () => {
    const geometry = letterboxGeometry(1280, 720, ULTRALYTICS);
    expect(boxToImage([-50, 0, 5000, 639], geometry, 1280, 720)).toEqual([0, 0, 1280, 720]);
  });
});
