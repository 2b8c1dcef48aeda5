/**
 * Detections on photographs against those of a trusted program.
 *
 *     npm run accuracy -- detections REFERENCE.json MODEL_FOLDER PICTURE_FOLDER... [--only NAME] [--precision float16]
 *
 * REFERENCE.json is { MODEL: { scoreThreshold, iouThreshold, images: { FILE: [{ box, score, classId }] } } }. Prints for
 * each model how many of the reference's sure detections were found with the same class, box and score, and how many were
 * added; see compare.ts for what that means.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Detector, readImage, requestNodeDevice } from '../../node.ts';
import { type Comparison, compareDetections, type Reference } from './compare.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, precision: { type: 'string', default: 'float32' } },
});
const [referenceFile, modelFolder, ...pictureFolders] = positionals;
if (pictureFolders.length === 0) throw new Error('usage: detections REFERENCE.json MODEL_FOLDER PICTURE_FOLDER...');
const references: Record<string, Reference> = JSON.parse(await readFile(referenceFile, 'utf8'));
const device = await requestNodeDevice();
console.log(`on ${device.adapter.name}, ${values.precision}`);
for (const [name, { scoreThreshold, iouThreshold, images }] of Object.entries(references)) {
  const file = join(modelFolder, name);
  if (!name.endsWith('.onnx') || !existsSync(file) || !name.includes(values.only ?? '')) continue;
  const precision = values.precision === 'float16' ? 'float16' : 'float32';
  const detector = await Detector.load(file, { device, precision });
  const comparisons: Comparison[] = [];
  for (const [image, expected] of Object.entries(images)) {
    const picture = pictureFolders.map((folder) => join(folder, image)).find(existsSync);
    if (!picture) throw new Error(`${image} is in none of ${pictureFolders.join(', ')}`);
    const { detections } = await detector.detect(await readImage(picture), { scoreThreshold, iouThreshold });
    comparisons.push(compareDetections(detections, expected));
  }
  detector.dispose();
  const sum = (count: (comparison: (typeof comparisons)[number]) => number) =>
    comparisons.reduce((total, comparison) => total + count(comparison), 0);
  const wanted = sum((comparison) => comparison.wanted);
  console.log(
    `${name}: ${wanted - sum(({ missing }) => missing.length)} of ${wanted} found, ` +
      `${sum(({ added }) => added.length)} added; ` +
      `largest score difference ${Math.max(...comparisons.map((c) => c.largestScoreDifference)).toFixed(4)}, ` +
      `least overlap ${Math.min(...comparisons.map((c) => c.leastOverlap)).toFixed(3)}`,
  );
}
process.exit(0);
