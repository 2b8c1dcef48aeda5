import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareDetections, type Reference } from '../../examples/accuracy/compare.ts';
import { Detector, readImage } from '../../node.ts';
import { testDevice } from '../support/device.ts';
import { sharedPath } from '../support/shared.ts';

const file = sharedPath('reference/detections.json');
const references: Readonly<Record<string, Reference>> = file ? JSON.parse(readFileSync(file, 'utf8')) : {};

function picture(name: string): string {
  const photo = sharedPath('images/photos');
  if (photo && existsSync(`${photo}/${name}`)) return `${photo}/${name}`;
  return `${sharedPath('images/coco-val2017-150/images')}/${name}`;
}

describe.skipIf(!file)('detections on photographs (needs ../shared)', () => {
  it.each(['yolox-nano', 'yolov5n-fp16', 'yolov8n', 'yolov10n', 'yolo11n', 'yolo26n'])('%s', async (name) => {
    const { scoreThreshold, iouThreshold, images } = references[`${name}.onnx`];
    const detector = await Detector.load(sharedPath(`models/${name}.onnx`), {
      device: await testDevice(),
      precision: 'float32',
    });
    const differences: unknown[] = [];
    for (const [image, expected] of Object.entries(images)) {
      const { detections } = await detector.detect(await readImage(picture(image)), { scoreThreshold, iouThreshold });
      const { missing, added } = compareDetections(detections, expected);
      if (missing.length + added.length > 0) differences.push({ image, missing, added });
    }
    detector.dispose();
    expect(differences).toEqual([]);
  });
});
