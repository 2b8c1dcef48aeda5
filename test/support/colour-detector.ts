import { GraphBuilder } from '../../engine/graph/builder.ts';
import type { DetectionResult } from '../../engine/vision/detection.ts';
import type { PixelImage } from '../../engine/vision/image.ts';
import type { Contract } from '../../models/contract.ts';
import type { Model } from '../../models/model.ts';

const CELL = 8;

/**
 * A detector that one can follow by hand: its anchors are cells of 8 x 8 input pixels, its classes the colours red, green
 * and blue, and a cell's score for a colour is the cell's mean of that channel. Shaped like Ultralytics' exports:
 * [1, 4 + 3, 64], boxes as centres and sizes.
 * @param size pixels a side
 */
export function colourDetector(changes: Partial<Contract['input']> = {}, size = 64): Model {
  const cellsPerSide = size / CELL;
  const builder = new GraphBuilder();
  const images = builder.input('images', 'float', [1, 3, size, size]);
  const mean = builder.apply(
    { type: 'averagePool2d', kernel: [CELL, CELL], strides: [CELL, CELL], pads: [0, 0, 0, 0], countIncludePad: true },
    [images],
    'mean',
  );
  const anchors = cellsPerSide * cellsPerSide;
  const scores = builder.apply({ type: 'reshape', shape: [1, 3, anchors] }, [mean], 'scores');
  const centre = (cell: number) => (cell + 0.5) * CELL;
  const cells = Array.from({ length: anchors }, (_, i) => [i % cellsPerSide, Math.floor(i / cellsPerSide)]);
  const rows = [
    cells.map(([x]) => centre(x)),
    cells.map(([, y]) => centre(y)),
    cells.map(() => CELL),
    cells.map(() => CELL),
  ];
  const boxes = builder.floats('boxes', [1, 4, anchors], rows.flat());
  const output = builder.apply({ type: 'concat', axis: 1 }, [boxes, scores], 'output0');
  const table = { output: 'output0', anchorAxis: 2, attributeAxis: 1 };
  return {
    graph: builder.finish('colours', [output]),
    contract: {
      family: 'colours',
      input: {
        name: 'images',
        width: size,
        height: size,
        resize: 'letterbox',
        align: 'center',
        contentSize: [size, size],
        allowEnlarge: true,
        rounding: 'round',
        padValue: 51,
        channelOrder: 'rgb',
        scale: [1 / 255, 1 / 255, 1 / 255],
        offset: [0, 0, 0],
        ...changes,
      },
      head: {
        kind: 'dense',
        boxes: { ...table, start: 0, count: 4 },
        scores: { ...table, start: 4, count: 3 },
        boxForm: 'centerSize',
        decoding: { form: 'pixels' },
        suppression: 'classAware',
        classCount: 3,
        anchorCount: anchors,
      },
      labels: ['red', 'green', 'blue'],
      stride: CELL,
      defaults: { scoreThreshold: 0.25, iouThreshold: 0.7, maxDetections: 300 },
    },
  };
}

export const COLOURS = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255] } as const;

export interface Patch {
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  readonly colour: keyof typeof COLOURS;
}

/** A black RGB image with coloured rectangles. */
export function painted(width: number, height: number, patches: readonly Patch[]): PixelImage {
  const data = new Uint8Array(width * height * 3);
  for (const { box, colour } of patches) {
    for (let y = box[1]; y < box[3]; y++) {
      for (let x = box[0]; x < box[2]; x++) data.set(COLOURS[colour], (y * width + x) * 3);
    }
  }
  return { data, width, height };
}

/** What is there, without scores and times. */
export function patchesOf({ detections }: DetectionResult): Patch[] {
  return detections.map(({ box, label }) => ({ box, colour: label as Patch['colour'] }));
}
