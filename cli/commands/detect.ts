import { basename, extname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { type DetectionResult, Detector, InvalidArgumentError } from '../../node.ts';
import { annotate } from '../support/annotate.ts';
import { distinctNames, ensureFolder, writeWhole } from '../support/files.ts';
import {
  addDetectionOptions,
  addNetworkOptions,
  addSizeOption,
  chosenDevice,
  type DetectionOptions,
  detectOptions,
  loadOptions,
  type NetworkOptions,
  readLabels,
  type SizeOption,
} from '../support/options.ts';
import { describeAdapter, printsJson, writeJson } from '../support/output.ts';
import { decodePictures } from '../support/pictures.ts';
import { whileLoading, withProgress } from '../support/progress.ts';

interface Options extends NetworkOptions, DetectionOptions, SizeOption {
  readonly model?: string;
  readonly labels?: string;
  readonly out?: string;
}

export function detectCommand(): Command {
  const command = new Command('detect')
    .description('find objects in pictures')
    .argument('<images...>', 'picture files')
    .option('--model <file>', 'the network; without it the small embedded one, which knows drawn shapes')
    .option('--labels <file>', 'class names, one a line')
    .option('--out <folder>', 'write the pictures with boxes drawn');
  return addNetworkOptions(addSizeOption(addDetectionOptions(command))).action(detect);
}

/** Pictures go through one by one. */
type PictureResult = Omit<DetectionResult, 'batchSize'> & { readonly image: string };

async function detect(files: string[], options: Options): Promise<void> {
  const settings = detectOptions(options);
  const targets = options.out === undefined ? undefined : await annotatedFiles(files, options.out);
  const labels = await readLabels(options.labels);
  const pictures = await decodePictures(files);
  const device = await chosenDevice(options);
  const detector = await whileLoading((onProgress) =>
    Detector.load(options.model, { ...loadOptions(options), labels, device, onProgress }),
  );
  const results: PictureResult[] = [];
  await withProgress(async (report) => {
    for await (const [file, image] of pictures) {
      const { detections, width, height, timings, adapter } = await detector.detect(image, settings);
      const target = targets?.[results.length];
      if (target) await writeWhole(target, await annotate(image, detections));
      results.push({ image: file, width, height, detections, timings, adapter });
      report('detecting', results.length, files.length);
    }
  });
  if (options.json) await writeJson(options.json, results);
  if (!printsJson(options.json)) {
    results.forEach((result, index) => {
      print(result, targets?.[index]);
    });
    console.log(describeAdapter(detector.adapter));
  }
  detector.dispose();
}

/** A file for each picture, in a folder that can be written to; never one of the pictures themselves. */
async function annotatedFiles(files: readonly string[], folder: string): Promise<string[]> {
  const names = distinctNames(files.map((file) => basename(file, extname(file))));
  const targets = names.map((name) => join(folder, `${name}.png`));
  const originals = new Set(files.map((file) => resolve(file)));
  const overwritten = targets.find((target) => originals.has(resolve(target)));
  if (overwritten !== undefined) {
    throw new InvalidArgumentError(`--out would overwrite the picture ${overwritten}: name another folder`);
  }
  await ensureFolder(folder);
  return targets;
}

function print({ image, detections, timings }: PictureResult, target: string | undefined): void {
  const count = `${detections.length} ${detections.length === 1 ? 'object' : 'objects'}`;
  console.log(`${image}: ${count}, ${timings.total.toFixed(1)} ms${target ? ` -> ${target}` : ''}`);
  for (const { label, score, box } of detections) {
    console.log(`  ${label.padEnd(16)} ${score.toFixed(3)}  [${box.map((value) => value.toFixed(1)).join(', ')}]`);
  }
}
