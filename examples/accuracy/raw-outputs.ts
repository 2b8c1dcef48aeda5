/**
 * How far a network's raw outputs are from ONNX Runtime's CPU provider on the same input tensor, a photograph.
 *
 *     npm run accuracy -- raw-outputs PHOTOGRAPH MODEL.onnx...
 *
 * Prints max |difference| over max |reference| for each output, in float32 and, where the device has it, float16. An
 * end-to-end output [1, N, 6] lists detections by score: rows whose scores differ by less than the arithmetic's error may
 * change places, and which of thousands of near-zero candidates come last is such an error too. So the rows that score at
 * least 0.01 are also compared each with the nearest row of the reference.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as onnxruntime from 'onnxruntime-node';
import { float16ToFloat32, float32ToFloat16 } from '../../engine/half.ts';
import { type LoadedModel, loadModel, readImage, requestNodeDevice } from '../../node.ts';

/** What the results may differ by, relative to the largest value. */
const TOLERANCE = { float32: 1e-3, float16: 2e-2 } as const;

/** Rows of an end-to-end output that are compared whatever their place. */
const LEAST_SCORE = 0.01;

interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

const [photograph, ...models] = process.argv.slice(2);
if (!photograph || models.length === 0) throw new Error('usage: raw-outputs PHOTOGRAPH MODEL.onnx...');
const device = await requestNodeDevice();
console.log(`on ${device.adapter.name}; max |difference| / max |reference|`);
let failed = false;
for (const file of models) {
  const bytes = await readFile(file);
  let reference: Record<string, Tensor> | undefined;
  for (const precision of ['float32', 'float16'] as const) {
    if (precision === 'float16' && !device.features.float16) continue;
    const model = await loadModel(bytes, { device, precision });
    const inputs = await photographInputs(model, /yolox/i.test(file) ? 255 : 1);
    reference ??= await runReference(bytes, model, inputs);
    const outputs = await model.run(inputs);
    for (const [name, { dims, data }] of Object.entries(outputs)) {
      const ours = { dims, data: Float32Array.from(data as Float32Array) };
      const whole = relativeDifference(ours.data, reference[name].data);
      const matched = isEndToEnd(dims) ? relativeDifference(...matchRows(ours, reference[name])) : whole;
      const good = Math.min(whole, matched) <= TOLERANCE[precision];
      failed ||= !good;
      const rows = isEndToEnd(dims) ? `, rows matched ${matched.toExponential(2)}` : '';
      const verdict = good ? 'within' : 'BEYOND';
      console.log(
        `${basename(file)} ${precision} ${name} [${dims}]: ${whole.toExponential(2)}${rows} (${verdict} ${TOLERANCE[precision]})`,
      );
    }
    model.dispose();
  }
}
process.exit(failed ? 1 : 0);

/** The photograph stretched to the input, its levels from 0 to `largest`. */
async function photographInputs(model: LoadedModel, largest: number) {
  const image = await readImage(photograph);
  const [{ name, type, dims }] = model.inputs;
  const [, , height, width] = dims;
  const data = new Float32Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceY = Math.floor((y * image.height) / height);
      const from = (sourceY * image.width + Math.floor((x * image.width) / width)) * 3;
      for (let c = 0; c < 3; c++) data[(c * height + y) * width + x] = (image.data[from + c] * largest) / 255;
    }
  }
  const exact = type === 'float16' ? float16ToFloat32(float32ToFloat16(data)) : data;
  return { [name]: { type: 'float32' as const, dims, data: exact } };
}

async function runReference(
  bytes: Uint8Array,
  model: LoadedModel,
  inputs: Awaited<ReturnType<typeof photographInputs>>,
): Promise<Record<string, Tensor>> {
  const session = await onnxruntime.InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
  });
  const feeds = model.inputs.map(({ name, type, dims }) => [
    name,
    type === 'float16'
      ? new onnxruntime.Tensor('float16', float32ToFloat16(inputs[name].data), [...dims])
      : new onnxruntime.Tensor('float32', inputs[name].data, [...dims]),
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data, dims, type }]) => {
      if (type !== 'float16') return [name, { dims, data: data as Float32Array }];
      const { buffer, byteOffset, length } = data as Uint16Array;
      return [name, { dims, data: float16ToFloat32(new Uint16Array(buffer, byteOffset, length)) }];
    }),
  );
}

function relativeDifference(ours: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let index = 0; index < reference.length; index++) {
    const here = Math.abs(ours[index] - reference[index]);
    // A NaN must not pass for agreement.
    if (!(here <= difference)) difference = here;
    largest = Math.max(largest, Math.abs(reference[index]));
  }
  return difference / largest;
}

function isEndToEnd(dims: readonly number[]): boolean {
  return dims.length === 3 && dims[2] === 6;
}

/** Every row of ours, and the row of the reference that is nearest to it and that no earlier row has taken. */
function matchRows(ours: Tensor, reference: Tensor): [number[], number[]] {
  const rowsOf = ({ dims, data }: Tensor) =>
    Array.from({ length: dims[1] }, (_, row) => Array.from(data.subarray(row * 6, row * 6 + 6)));
  const certain = ([, , , , score]: readonly number[]) => score >= LEAST_SCORE;
  const left = rowsOf(reference);
  const distance = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((value, index) => Math.abs(value - b[index]) * (index === 5 ? 1e3 : 1)));
  const pairs = rowsOf(ours)
    .filter(certain)
    .map((row) => {
      const nearest = left.reduce(
        (best, other, index) => (distance(row, other) < distance(row, left[best]) ? index : best),
        0,
      );
      return [row, ...left.splice(nearest, 1)];
    });
  return [pairs.flatMap(([row]) => row), pairs.flatMap(([, row]) => row)];
}
