/**
 * The whole detect call, decoded pixels to boxes, against the forward pass, tensors in and out:
 *
 *     node examples/benchmark/run.mjs detect MODEL.onnx... [--picture FILE]
 *
 * and the options of every program here, see README.md. Without a picture it detects in a drawn one.
 */
import { basename } from 'node:path';
import { makeInputs } from '../../cli/benchmark/inputs.ts';
import { compare, quantile } from '../../cli/benchmark/samples.ts';
import { takeTurns } from '../../cli/benchmark/turns.ts';
import { type DetectionTimings, Detector, loadModel, readImage } from '../../node.ts';
import { drawPicture } from './picture.ts';
import { finishProgram, measureEach, startProgram } from './program.ts';

const program = await startProgram(['picture']);
const { device, precision, turns, own } = program;
const picture = own.picture === undefined ? drawPicture() : await readImage(own.picture);
const { results, failures } = await measureEach(program.files, measure);
await finishProgram(program, {
  name: 'detect',
  title: `The detect call, a picture of ${picture.width}x${picture.height} to boxes, against the forward pass, ${precision}`,
  tables: [
    [
      [
        'network',
        'forward pass, ms',
        'detect, ms',
        'detect over forward pass (spread)',
        'upload',
        'encode',
        'readback',
        'boxes',
      ],
      ...results.map(({ network, forwardMs, detectMs, ratio, ratioSpread, stages, boxes }) => [
        network,
        forwardMs.toFixed(1),
        detectMs.toFixed(1),
        `${ratio.toFixed(3)} (${ratioSpread.map((value) => value.toFixed(3)).join(' to ')})`,
        ...[stages.upload, stages.encode, stages.readback].map((value) => value.toFixed(2)),
        boxes,
      ]),
    ],
  ],
  remarks: ["Upload, encode and readback (the GPU's work included) are the call's own timings, medians."],
  failures,
  results,
});

async function measure(file: string) {
  const model = await loadModel(file, { device, precision });
  const detector = await Detector.load(file, { device, precision });
  try {
    const inputs = makeInputs(model.inputs);
    const timings: DetectionTimings[] = [];
    let boxes = 0;
    const detect = async () => {
      const result = await detector.detect(picture);
      timings.push(result.timings);
      boxes = result.detections.length;
    };
    const [forward, whole] = await takeTurns([() => model.run(inputs), detect], turns);
    const counted = timings.slice(-whole.length);
    const middle = (stage: 'upload' | 'encode' | 'readback') =>
      quantile(
        counted.map((times) => times[stage]),
        0.5,
      );
    return {
      network: basename(file),
      forwardMs: quantile(forward, 0.5),
      detectMs: quantile(whole, 0.5),
      ...compare(forward, whole),
      stages: { upload: middle('upload'), encode: middle('encode'), readback: middle('readback') },
      boxes,
    };
  } finally {
    detector.dispose();
    model.dispose();
  }
}
