import { basename, extname, join } from 'node:path';
import { Command } from 'commander';
import { type DecodedImage, type Detection, Detector, readImage } from '../../node.ts';
import { annotate } from '../support/annotate.ts';
import {
  addNetworkOptions,
  chosenDevice,
  fraction,
  type NetworkOptions,
  positiveInteger,
  readLabels,
} from '../support/options.ts';
import { checkJsonDestination, ensureFolder, writeJson, writeWhole } from '../support/output.ts';
import { startProgress } from '../support/progress.ts';

/** Pictures that are held in memory while the network is compiled. */
const DECODED_AHEAD = 32;

interface DetectOptions extends NetworkOptions {
  readonly model?: string;
  readonly weights?: string;
  readonly score?: number;
  readonly iou?: number;
  readonly max?: number;
  readonly labels?: string;
  readonly augment?: boolean;
  readonly out?: string;
  readonly json?: string | true;
}

export function detectCommand(): Command {
  const command = new Command('detect')
    .description('find objects in pictures')
    .argument('<images...>', 'picture files')
    .option('--model <file>', 'the network; without it the small embedded one, which knows drawn shapes')
    .option('--weights <file>', 'the weights, where the model file holds the structure only')
    .option('--score <number>', 'leave out what scores less, 0..1', fraction)
    .option('--iou <number>', 'overlap from which a box suppresses a worse one of its class, 0..1', fraction)
    .option('--max <number>', 'at most so many objects per picture', positiveInteger)
    .option('--labels <file>', 'class names, one a line')
    .option('--augment', 'detect in flipped and scaled copies too, and merge')
    .option('--out <folder>', 'write the pictures with boxes drawn')
    .option('--json [file]', 'write the detections as JSON');
  return addNetworkOptions(command).action(detect);
}

async function detect(images: string[], options: DetectOptions): Promise<void> {
  await checkJsonDestination(options.json);
  if (options.out) await ensureFolder(options.out);
  const labels = await readLabels(options.labels);
  // A picture that can't be read is said before the network is compiled for it.
  const decoded = new Map<string, DecodedImage>();
  for (const file of images.slice(0, DECODED_AHEAD)) decoded.set(file, await readImage(file));
  const device = await chosenDevice(options);
  const loading = startProgress('loading', options.json === true);
  const detector = await Detector.load(options.model, {
    weights: options.weights,
    labels,
    inputSize: options.size,
    precision: options.precision,
    device,
    onProgress: ({ stage, done, total }) => stage === 'compile' && loading.update(done, total ?? done),
  });
  loading.stop();
  const results = [];
  for (const file of images) {
    const image = decoded.get(file) ?? (await readImage(file));
    const result = await detector.detect(image, {
      scoreThreshold: options.score,
      iouThreshold: options.iou,
      maxDetections: options.max,
      augment: options.augment,
    });
    results.push({ image: file, ...result });
    if (options.out) {
      const target = join(options.out, `${basename(file, extname(file))}.png`);
      await writeWhole(target, await annotate(image, result.detections));
    }
    if (options.json !== true) print(file, result.detections, result.timings.total);
  }
  if (options.json) await writeJson(options.json, results);
  if (options.json !== true) console.log(describeAdapter(detector.adapter));
  detector.dispose();
}

function print(file: string, detections: readonly Detection[], milliseconds: number): void {
  console.log(
    `${file}: ${detections.length} ${detections.length === 1 ? 'object' : 'objects'}, ${milliseconds.toFixed(1)} ms`,
  );
  for (const { label, score, box } of detections) {
    console.log(`  ${label.padEnd(16)} ${score.toFixed(3)}  [${box.map((value) => value.toFixed(1)).join(', ')}]`);
  }
}

function describeAdapter({ name, software }: Detector['adapter']): string {
  return `on ${name}${software ? ' (a software adapter: the processor does the work)' : ''}`;
}
