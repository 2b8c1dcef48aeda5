import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { Detector, InvalidArgumentError, readImage } from '../../node.ts';
import { evaluateDetections } from '../evaluation/average-precision.ts';
import { type CocoDataset, type CocoDetection, matchCategories, parseCocoDataset } from '../evaluation/coco.ts';
import { addNetworkOptions, chosenDevice, fraction, type NetworkOptions, positiveInteger } from '../support/options.ts';
import { checkJsonDestination, table, writeJson } from '../support/output.ts';
import { startProgress } from '../support/progress.ts';

interface EvalOptions extends NetworkOptions {
  readonly images: string;
  readonly annotations: string;
  readonly weights?: string;
  readonly score: number;
  readonly iou?: number;
  readonly max: number;
  readonly limit?: number;
  readonly augment?: boolean;
  readonly json?: string | true;
}

export function evalCommand(): Command {
  const command = new Command('eval')
    .description('measure average precision on labelled pictures, as COCO defines it')
    .argument('[model]', 'the network; without it the embedded one')
    .requiredOption('--images <folder>', 'the pictures')
    .requiredOption('--annotations <file>', 'their boxes, in the form of COCO instances')
    .option('--weights <file>', 'the weights, where the model file holds the structure only')
    .option('--score <number>', 'leave out what scores less', fraction, 0.001)
    .option('--iou <number>', 'overlap from which a box suppresses a worse one of its class', fraction)
    .option('--max <number>', 'at most so many objects per picture', positiveInteger, 300)
    .option('--limit <number>', 'only the first so many pictures', positiveInteger)
    .option('--augment', 'detect in flipped and scaled copies too, and merge')
    .option('--json [file]', 'as JSON');
  return addNetworkOptions(command).action(evaluate);
}

async function evaluate(model: string | undefined, options: EvalOptions): Promise<void> {
  await checkJsonDestination(options.json);
  const dataset = await readDataset(options.annotations);
  const images = dataset.images.slice(0, options.limit ?? dataset.images.length);
  const device = await chosenDevice(options);
  const { weights, precision, size: inputSize } = options;
  const detector = await Detector.load(model, { weights, precision, inputSize, device });
  const categories = matchCategories(detector.labels, dataset.categories);
  const progress = startProgress('evaluating');
  const detections: CocoDetection[] = [];
  for (const [index, { id, file_name }] of images.entries()) {
    const image = await readImage(join(options.images, file_name));
    const found = await detector.detect(image, {
      scoreThreshold: options.score,
      iouThreshold: options.iou,
      maxDetections: options.max,
      augment: options.augment,
      multiLabel: true,
    });
    for (const {
      box: [x1, y1, x2, y2],
      score,
      classId,
    } of found.detections) {
      const category = categories[classId];
      if (category === undefined) continue;
      detections.push({ image_id: id, category_id: category, bbox: [x1, y1, x2 - x1, y2 - y1], score });
    }
    progress.update(index + 1, images.length);
  }
  progress.stop();
  const ids = new Set(images.map(({ id }) => id));
  const figures = evaluateDetections(
    [...ids],
    dataset.categories.map(({ id }) => id),
    dataset.annotations.filter(({ image_id }) => ids.has(image_id)),
    detections,
  );
  const rounded = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(4))]));
  const report = { model: model ?? 'embedded', images: images.length, precision: detector.precision, ...rounded };
  if (options.json) await writeJson(options.json, { ...report, adapter: detector.adapter });
  if (options.json !== true) {
    console.log(table([Object.keys(report), Object.values(report).map((value) => format(value))]));
  }
  detector.dispose();
}

function format(value: string | number): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

async function readDataset(file: string): Promise<CocoDataset> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`${file} can't be read: ${(error as Error).message}`, { cause: error });
  }
  return parseCocoDataset(text, file);
}
