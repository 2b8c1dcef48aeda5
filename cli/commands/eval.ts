import { join } from 'node:path';
import { Command } from 'commander';
import { Detector } from '../../node.ts';
import { evaluateDetections } from '../evaluation/average-precision.ts';
import { type CocoDetection, matchCategories, parseCocoDataset } from '../evaluation/coco.ts';
import { readText } from '../support/files.ts';
import {
  addDetectionOptions,
  addNetworkOptions,
  addSizeOption,
  chosenDevice,
  type DetectionOptions,
  detectOptions,
  loadOptions,
  type NetworkOptions,
  positiveInteger,
  type SizeOption,
} from '../support/options.ts';
import { describeAdapter, printsJson, table, writeJson } from '../support/output.ts';
import { decodePictures } from '../support/pictures.ts';
import { whileLoading, withProgress } from '../support/progress.ts';

interface Options extends NetworkOptions, DetectionOptions, SizeOption {
  readonly images: string;
  readonly annotations: string;
  readonly limit?: number;
}

/** As the published figures are measured: every detection that can still count, and all that an image may have. */
const DEFAULTS = { score: 0.001, max: 300 };

export function evalCommand(): Command {
  const command = new Command('eval')
    .description('measure average precision on labelled pictures, as COCO defines it')
    .argument('[model]', 'the network; without it the embedded one')
    .requiredOption('--images <folder>', 'the pictures')
    .requiredOption('--annotations <file>', 'their boxes, in the form of COCO instances')
    .option('--limit <number>', 'only the first so many pictures', positiveInteger);
  return addNetworkOptions(addSizeOption(addDetectionOptions(command, DEFAULTS))).action(evaluate);
}

async function evaluate(model: string | undefined, options: Options): Promise<void> {
  const settings = { ...detectOptions(options), multiLabel: true };
  const dataset = parseCocoDataset(await readText(options.annotations), options.annotations);
  const images = dataset.images.slice(0, options.limit);
  const pictures = await decodePictures(images.map(({ file_name }) => join(options.images, file_name)));
  const device = await chosenDevice(options);
  const detector = await whileLoading((onProgress) =>
    Detector.load(model, { ...loadOptions(options), device, onProgress }),
  );
  const categories = matchCategories(detector.labels, dataset.categories);
  const detections: CocoDetection[] = [];
  await withProgress(async (report) => {
    let index = 0;
    for await (const [, image] of pictures) {
      const found = await detector.detect(image, settings);
      const { id: image_id } = images[index++];
      for (const { box, score, classId } of found.detections) {
        const category_id = categories[classId];
        if (category_id === undefined) continue;
        const [x1, y1, x2, y2] = box;
        detections.push({ image_id, category_id, bbox: [x1, y1, x2 - x1, y2 - y1], score });
      }
      report('evaluating', index, images.length);
    }
  });
  const ids = new Set(images.map(({ id }) => id));
  const figures = evaluateDetections(
    [...ids],
    dataset.categories.map(({ id }) => id),
    dataset.annotations.filter(({ image_id }) => ids.has(image_id)),
    detections,
  );
  const rounded = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(4))]));
  const report = { model: model ?? 'embedded', images: images.length, precision: detector.precision, ...rounded };
  const unmatched = detector.labels.filter((_, classId) => categories[classId] === undefined);
  if (options.json) await writeJson(options.json, { ...report, unmatched, adapter: detector.adapter });
  if (!printsJson(options.json)) {
    console.log(table([Object.keys(report), Object.values(report).map(format)]));
    if (unmatched.length > 0) console.log(`classes that the dataset lacks: ${unmatched.join(', ')}`);
    console.log(describeAdapter(detector.adapter));
  }
  detector.dispose();
}

function format(value: string | number): string {
  if (typeof value === 'string' || Number.isInteger(value)) return String(value);
  return Number.isNaN(value) ? '-' : value.toFixed(2);
}
