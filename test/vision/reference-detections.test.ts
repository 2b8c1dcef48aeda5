import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Detection, Detector, readImage } from '../../node.ts';
import { intersectionOverUnion } from '../support/detection-oracle.ts';
import { testDevice } from '../support/device.ts';
import { sharedPath } from '../support/shared.ts';

/** As shared/reference/README.md describes it. */
interface Reference {
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly images: Readonly<Record<string, readonly Pick<Detection, 'box' | 'score' | 'classId'>[]>>;
}

/** What trusted programs are sure of must be found, and nothing be found that they don't see at all. */
const SURE = 0.3;
const ADDED = 0.35;
const SAME_BOX = 0.9;
const SAME_SCORE = 0.03;

const file = sharedPath('reference/detections.json');
const references: Readonly<Record<string, Reference>> = file ? JSON.parse(readFileSync(file, 'utf8')) : {};

function picture(name: string): string {
  const photo = sharedPath('images/photos');
  if (photo && existsSync(`${photo}/${name}`)) return `${photo}/${name}`;
  return `${sharedPath('images/coco-val2017-150/images')}/${name}`;
}

function counterpart<T extends Pick<Detection, 'box' | 'classId'>>(
  { box, classId }: Pick<Detection, 'box' | 'classId'>,
  among: readonly T[],
): T | undefined {
  const overlap = (other: T) => (other.classId === classId ? intersectionOverUnion(box, other.box) : 0);
  return among.reduce<T | undefined>((best, other) => {
    const better = overlap(other) >= SAME_BOX && (!best || overlap(other) > overlap(best));
    return better ? other : best;
  }, undefined);
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
      for (const wanted of expected.filter(({ score }) => score >= SURE)) {
        const found = counterpart(wanted, detections);
        const same = found && Math.abs(found.score - wanted.score) <= SAME_SCORE;
        if (!same) differences.push({ image, wanted, found });
      }
      for (const found of detections.filter(({ score }) => score > ADDED)) {
        if (!counterpart(found, expected)) differences.push({ image, added: found });
      }
    }
    detector.dispose();
    expect(differences).toEqual([]);
  });
});
