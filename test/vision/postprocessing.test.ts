import { describe, expect, it } from 'vitest';
import { PipelineCache } from '../../engine/runtime/dispatch.ts';
import type { BoundTensor } from '../../engine/runtime/session.ts';
import { createPostprocessing } from '../../engine/vision/postprocessing.ts';
import type { Contract, HeadContract, TensorSlice } from '../../models/contract.ts';
import { readResult } from '../../shaders/frame-settings.ts';
import { type DenseOutput, detectionOracle, type OracleOptions } from '../support/detection-oracle.ts';
import { deviceTensor, runVisionPass, settingsBuffer } from '../support/detection-run.ts';
import { testDevice } from '../support/device.ts';
import { randomInteger, seeded } from '../support/random.ts';

const CAPACITY = 64;

/** Boxes around a few centres, so that many overlap; scores in 64ths, so that many tie. All exact in float16. */
function randomScene(seed: number, anchors: number, classes: number, objectness: boolean): DenseOutput {
  const next = seeded(seed);
  const centres = Array.from({ length: 6 }, () => [randomInteger(next, 40, 600), randomInteger(next, 40, 600)]);
  const boxes = Array.from({ length: anchors }, () => {
    const [x, y] = centres[randomInteger(next, 0, centres.length - 1)];
    const size = () => 2 * randomInteger(next, 10, 60);
    return [x + randomInteger(next, -12, 12), y + randomInteger(next, -12, 12), size(), size()];
  });
  const score = () => (next() < 0.6 ? 0 : randomInteger(next, 0, 64) / 64);
  const scores = boxes.map(() => Array.from({ length: classes }, score));
  return { boxes, scores, ...(objectness ? { objectness: boxes.map(() => randomInteger(next, 0, 8) / 8) } : {}) };
}

interface Layout {
  readonly element: 'f32' | 'f16';
  /** [1, 4 + C, N] as Ultralytics exports, or [1, N, 5 + C]. */
  readonly anchorsLast: boolean;
}

async function detectDense(
  output: DenseOutput,
  options: OracleOptions,
  { element, anchorsLast }: Layout = { element: 'f32', anchorsLast: true },
) {
  const anchorCount = output.boxes.length;
  const classCount = output.scores[0].length;
  const rows = output.boxes.map((box, a) => [
    ...box,
    ...(output.objectness ? [output.objectness[a]] : []),
    ...output.scores[a],
  ]);
  const attributes = rows[0].length;
  const { device } = await testDevice();
  const shape = anchorsLast ? [1, attributes, anchorCount] : [1, anchorCount, attributes];
  const values = anchorsLast ? rows[0].flatMap((_, attribute) => rows.map((row) => row[attribute])) : rows.flat();
  const table = (start: number, count: number): TensorSlice => ({
    output: 'output',
    anchorAxis: anchorsLast ? 2 : 1,
    attributeAxis: anchorsLast ? 1 : 2,
    start,
    count,
  });
  const first = output.objectness ? 5 : 4;
  const { boxForm, grid } = options;
  return run(
    {
      kind: 'dense',
      boxes: table(0, 4),
      scores: table(first, classCount),
      ...(output.objectness ? { objectness: table(4, 1) } : {}),
      boxForm,
      decoding: grid ? { form: 'yolox', strides: grid.strides } : { form: 'pixels' },
      suppression: 'classAware',
      anchorCount,
      classCount,
    },
    new Map([['output', deviceTensor(device, shape, element, values)]]),
    options,
    options.grid?.inputWidth,
  );
}

async function run(
  head: HeadContract,
  outputs: ReadonlyMap<string, BoundTensor>,
  options: Omit<OracleOptions, 'boxForm'>,
  inputSize = 640,
) {
  const { device } = await testDevice();
  const contract = { input: { width: inputSize, height: inputSize }, head } as Contract;
  const settings = settingsBuffer(device, { ...options, classAgnostic: options.classAgnostic ? 1 : 0 });
  const { multiLabel, candidateLimit } = options;
  const postprocessing = await createPostprocessing(new PipelineCache(device), contract, outputs, settings, {
    images: 1,
    multiLabel,
    candidateLimit,
    capacity: CAPACITY,
  });
  const bytes = await runVisionPass(device, postprocessing.dispatches, postprocessing.result);
  postprocessing.dispose();
  return readResult(bytes);
}

const OPTIONS: OracleOptions = {
  boxForm: 'centerSize',
  multiLabel: false,
  scoreThreshold: 0.25,
  iouThreshold: 0.5,
  maxDetections: CAPACITY,
  classAgnostic: false,
};

describe('decode and NMS', () => {
  it.each<[string, Partial<OracleOptions>, Partial<Layout>]>([
    ['every default', {}, {}],
    ['anchors before attributes', {}, { anchorsLast: false }],
    ['float16 outputs', {}, { element: 'f16' }],
    ['float16 outputs, anchors first', {}, { element: 'f16', anchorsLast: false }],
    ['corners', { boxForm: 'corners' }, {}],
    ['every class of an anchor', { multiLabel: true }, {}],
    ['classes suppress each other', { classAgnostic: true }, {}],
    ['every class, suppressing each other', { multiLabel: true, classAgnostic: true }, {}],
    ['nothing suppresses', { iouThreshold: 1 }, {}],
    ['any overlap suppresses', { iouThreshold: 0 }, {}],
    ['a threshold of 0', { scoreThreshold: 0 }, {}],
    ['few detections wanted', { maxDetections: 3 }, {}],
    ['more candidates than take part', { candidateLimit: 37 }, {}],
    ['more candidates than take part, every class', { candidateLimit: 100, multiLabel: true, scoreThreshold: 0 }, {}],
  ])('%s', async (_, changes, layout) => {
    for (const [seed, anchors, classes] of [
      [1, 700, 4],
      [2, 63, 1],
      [3, 257, 20],
    ]) {
      for (const objectness of [false, true]) {
        const scene = randomScene(seed, anchors, classes, objectness);
        const output = changes.boxForm === 'corners' ? { ...scene, boxes: scene.boxes.map(toCorners) } : scene;
        const options = { ...OPTIONS, ...changes };
        const found = await detectDense(output, options, { element: 'f32', anchorsLast: true, ...layout });
        expect(found.length).toBeGreaterThan(0);
        expect(found).toEqual(detectionOracle(output, options));
      }
    }
  });

  it('gives every anchor the same score and no overlap: lowest anchors first', async () => {
    const boxes = Array.from({ length: 300 }, (_, i) => [20 * (i % 30) + 10, 20 * Math.floor(i / 30) + 10, 10, 10]);
    const output = { boxes, scores: boxes.map(() => [0.5, 0.5]) };
    const found = await detectDense(output, { ...OPTIONS, maxDetections: 40, candidateLimit: 50 });
    expect(found.map(({ anchor }) => anchor)).toEqual(boxes.slice(0, 40).map((_, i) => i));
    expect(new Set(found.map(({ classId }) => classId))).toEqual(new Set([0]));
  });

  it('finds nothing where nothing passes', async () => {
    const scene = randomScene(5, 300, 3, false);
    expect(await detectDense(scene, { ...OPTIONS, scoreThreshold: 1 })).toEqual([]);
  });

  it('takes a single anchor of a single class', async () => {
    const output = { boxes: [[50, 60, 20, 40]], scores: [[0.75]] };
    expect(await detectDense(output, OPTIONS)).toEqual([{ box: [40, 40, 60, 80], score: 0.75, classId: 0, anchor: 0 }]);
  });

  it('never fills more than its result', async () => {
    const boxes = Array.from({ length: 200 }, (_, i) => [20 * (i % 20) + 10, 20 * Math.floor(i / 20) + 10, 10, 10]);
    const output = { boxes, scores: boxes.map((_, i) => [1 - i / 256]) };
    const found = await detectDense(output, { ...OPTIONS, maxDetections: 1000 });
    expect(found.map(({ anchor }) => anchor)).toEqual(boxes.slice(0, CAPACITY).map((_, i) => i));
  });

  it.each([false, true])(
    'drops what is not a number, infinite or without area (every class: %s)',
    async (multiLabel) => {
      const good = [100, 100, 20, 20];
      const boxes = [
        [Number.NaN, 100, 20, 20],
        [100, Number.POSITIVE_INFINITY, 20, 20],
        [100, 100, 20, Number.NEGATIVE_INFINITY],
        [100, 100, -20, 20],
        [100, 100, 20, 0],
        good,
        good,
        good,
        [3e38, 300, 20, 20],
        [300, 300, 20, 20],
      ];
      const scores = boxes.map(() => [0.5, 0.25]);
      scores[5] = [Number.NaN, Number.NaN];
      scores[6] = [Number.POSITIVE_INFINITY, 0.75];
      scores[7] = [Number.NaN, 0.5];
      const output = { boxes, scores };
      const found = await detectDense(output, { ...OPTIONS, scoreThreshold: 0.375, multiLabel });
      expect(found.map(({ anchor, classId, score }) => [anchor, classId, score])).toEqual([
        [6, 1, 0.75],
        [8, 0, 0.5],
        [9, 0, 0.5],
      ]);
      for (const { box } of found) expect(box.every(Number.isFinite)).toBe(true);
    },
  );

  it.each([false, true])('decodes the grids of YOLOX (every class: %s)', async (multiLabel) => {
    const grid = { inputWidth: 96, inputHeight: 96, strides: [8, 16, 32] };
    const next = seeded(11);
    const anchors = 144 + 36 + 9;
    const boxes = Array.from({ length: anchors }, () =>
      Array.from({ length: 4 }, () => randomInteger(next, -16, 16) / 8),
    );
    const scores = boxes.map(() => [randomInteger(next, 0, 64) / 64, randomInteger(next, 0, 64) / 64]);
    const output = { boxes, scores, objectness: boxes.map(() => randomInteger(next, 4, 8) / 8) };
    const options = { ...OPTIONS, multiLabel, grid, iouThreshold: 1, maxDetections: 60 };
    const found = await detectDense(output, options, { element: 'f32', anchorsLast: false });
    const expected = detectionOracle(output, options);
    expect(found.map(({ anchor, classId, score }) => [anchor, classId, score])).toEqual(
      expected.map(({ anchor, classId, score }) => [anchor, classId, score]),
    );
    found.forEach(({ box }, i) => {
      for (let side = 0; side < 4; side++) expect(box[side]).toBeCloseTo(expected[i].box[side], 3);
    });
  });

  it('keeps a box finite whose logarithmic size is enormous', async () => {
    const grid = { inputWidth: 32, inputHeight: 32, strides: [32] };
    const output = { boxes: [[0, 0, 500, 500]], scores: [[1]] };
    const [{ box }] = await detectDense(output, { ...OPTIONS, grid });
    expect(box.every(Number.isFinite)).toBe(true);
  });
});

describe('end-to-end rows', () => {
  const rows = [
    [10, 20, 30, 40, 0.875, 3],
    [50, 20, 60, 40, 0.75, 0],
    [10, 20, 30, 40, 0.5, 3],
    [10, 20, 30, 40, Number.NaN, 3],
    [10, Number.NaN, 30, 40, 0.5, 3],
    [30, 20, 10, 40, 0.5, 3],
    [10, 20, 30, 40, 0.5, -1],
    [10, 20, 30, 40, 0.5, 5],
    [10, 20, 30, 40, 0.5, Number.NaN],
    [70, 20, 90, 40, 0.375, 4],
    [70, 20, 90, 40, 0.25, 4],
    [-1, -1, -1, -1, -1, -1],
  ];

  async function detectRows(values: number[][], element: 'f32' | 'f16', changes: Partial<OracleOptions> = {}) {
    const { device } = await testDevice();
    const shape = [1, values.length, 6];
    const detections = { output: 'output', anchorAxis: 1, attributeAxis: 2, start: 0, count: 6 };
    const outputs = new Map([['output', deviceTensor(device, shape, element, values.flat())]]);
    const head = { kind: 'endToEnd', detections, rows: values.length, classCount: 5 } as const;
    return run(head, outputs, { ...OPTIONS, ...changes });
  }

  it.each(['f32', 'f16'] as const)('passes on the rows above the threshold, in order (%s)', async (element) => {
    const expected = [0, 1, 2, 9].map((row) => ({
      box: rows[row].slice(0, 4),
      score: rows[row][4],
      classId: rows[row][5],
      anchor: row,
    }));
    expect(await detectRows(rows, element)).toEqual(expected);
    expect(await detectRows(rows, element, { maxDetections: 2 })).toEqual(expected.slice(0, 2));
  });

  it('keeps the order of more rows than a workgroup has invocations, scores unsorted', async () => {
    const next = seeded(21);
    const many = Array.from({ length: 700 }, (_, i) => [
      i,
      0,
      i + 1,
      1,
      next() < 0.9 ? 0.125 : randomInteger(next, 17, 64) / 64,
      1,
    ]);
    const passing = many.flatMap((row, i) => (row[4] > 0.25 ? [i] : [])).slice(0, CAPACITY);
    expect(passing.length).toBeGreaterThan(30);
    expect((await detectRows(many, 'f32')).map(({ anchor }) => anchor)).toEqual(passing);
  });

  it('finds nothing where nothing passes', async () => {
    expect(await detectRows(rows, 'f32', { scoreThreshold: 0.9 })).toEqual([]);
  });
});

function toCorners([x, y, width, height]: readonly number[]): number[] {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}
