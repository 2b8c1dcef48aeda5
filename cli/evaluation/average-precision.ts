/**
 * Average precision and recall as COCO defines them, computed step by step as pycocotools does (COCOeval, bbox), so that
 * figures agree to rounding: greedy matching in order of score, crowds and objects outside the area range ignored,
 * precision made monotone and sampled at 101 recalls.
 */
import type { Box, CocoAnnotation, CocoDetection } from './coco.ts';

/** All in points, 0..100; NaN where no object falls into the range. */
export interface CocoFigures {
  /** Mean over IoU 0.50, 0.55 ... 0.95. */
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  /** Objects below 32 x 32 pixels, from there to 96 x 96, and above. */
  readonly APs: number;
  readonly APm: number;
  readonly APl: number;
  /** Recall with at most 1, 10 and 100 detections per image and class. */
  readonly AR1: number;
  readonly AR10: number;
  readonly AR100: number;
  readonly ARs: number;
  readonly ARm: number;
  readonly ARl: number;
}

/** As NumPy's linspace(0.5, 0.95, 10) rounds them: comparisons with IoUs depend on the last bit. */
const IOU_STEP = (0.95 - 0.5) / 9;
const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, index) => (index === 9 ? 0.95 : 0.5 + index * IOU_STEP));
const RECALL_COUNT = 101;
const RECALL_THRESHOLDS = Array.from({ length: RECALL_COUNT }, (_, index) => (index === 100 ? 1 : index * 0.01));
const MOST_DETECTIONS = [1, 10, 100] as const;
const AREA_RANGES = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
] as const;
/** The distance from 1 to the next double. */
const EPSILON = 2 ** -52;

/** Objects and detections of one class in one image, with their overlaps. */
interface Cell {
  readonly objects: readonly CocoAnnotation[];
  /** By falling score, at most 100. */
  readonly detections: readonly CocoDetection[];
  /** overlaps[detection][object] */
  readonly overlaps: readonly (readonly number[])[];
}

/** What matching one cell at one area range gives, for every IoU threshold. */
interface Matches {
  readonly scores: readonly number[];
  /** [threshold][detection] */
  readonly matched: readonly (readonly boolean[])[];
  readonly ignored: readonly (readonly boolean[])[];
  /** Objects that count. */
  readonly objects: number;
}

/** Precision at every recall and the final recall, per IoU threshold; undefined where a class has no objects. */
interface Curve {
  readonly precision: readonly (readonly number[])[];
  readonly recall: readonly number[];
}

export function evaluateDetections(
  imageIds: readonly number[],
  categoryIds: readonly number[],
  annotations: readonly CocoAnnotation[],
  detections: readonly CocoDetection[],
): CocoFigures {
  const objects = groupByCell(annotations);
  const found = groupByCell(detections);
  const images = [...new Set(imageIds)].sort((a, b) => a - b);
  const categories = [...new Set(categoryIds)].sort((a, b) => a - b);
  // curves[area][most][category]
  const curves = AREA_RANGES.map(() => MOST_DETECTIONS.map((): (Curve | undefined)[] => []));
  for (const category of categories) {
    const cells = images.flatMap((image) => {
      const key = cellKey(image, category);
      return objects.has(key) || found.has(key) ? [makeCell(objects.get(key) ?? [], found.get(key) ?? [])] : [];
    });
    AREA_RANGES.forEach((range, area) => {
      const matches = cells.map((cell) => matchCell(cell, range));
      MOST_DETECTIONS.forEach((most, index) => {
        curves[area][index].push(accumulate(matches, most));
      });
    });
  }
  const precision = (area: number, threshold?: number) =>
    mean(curves[area][2].flatMap((curve) => select(curve?.precision, threshold).flat()));
  const recall = (area: number, most: number) => mean(curves[area][most].flatMap((curve) => curve?.recall ?? []));
  return {
    AP: precision(0),
    AP50: precision(0, 0),
    AP75: precision(0, 5),
    APs: precision(1),
    APm: precision(2),
    APl: precision(3),
    AR1: recall(0, 0),
    AR10: recall(0, 1),
    AR100: recall(0, 2),
    ARs: recall(1, 2),
    ARm: recall(2, 2),
    ARl: recall(3, 2),
  };
}

function select<T>(values: readonly T[] | undefined, index: number | undefined): readonly T[] {
  if (!values) return [];
  return index === undefined ? values : [values[index]];
}

function mean(values: readonly number[]): number {
  return values.length > 0 ? (100 * values.reduce((sum, value) => sum + value, 0)) / values.length : Number.NaN;
}

function cellKey(image: number, category: number): string {
  return `${image}/${category}`;
}

function groupByCell<T extends { readonly image_id: number; readonly category_id: number }>(
  items: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = cellKey(item.image_id, item.category_id);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function makeCell(objects: readonly CocoAnnotation[], detections: readonly CocoDetection[]): Cell {
  // Array.sort is stable, as the original's merge sort is.
  const best = [...detections].sort((a, b) => b.score - a.score).slice(0, MOST_DETECTIONS[2]);
  const overlaps = best.map(({ bbox }) => objects.map((object) => overlap(bbox, object.bbox, object.iscrowd === 1)));
  return { objects, detections: best, overlaps };
}

/** Intersection over union of [x, y, width, height] boxes; over the detection's own area if the object is a crowd. */
export function overlap(detection: Box, object: Box, crowd: boolean): number {
  const [dx, dy, dw, dh] = detection;
  const [ox, oy, ow, oh] = object;
  const width = Math.min(dx + dw, ox + ow) - Math.max(dx, ox);
  const height = Math.min(dy + dh, oy + oh) - Math.max(dy, oy);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (crowd ? dw * dh : dw * dh + ow * oh - intersection);
}

function matchCell(cell: Cell, [smallest, largest]: readonly [number, number]): Matches {
  const { objects, detections, overlaps } = cell;
  const isIgnored = (object: CocoAnnotation) => object.iscrowd === 1 || object.area < smallest || object.area > largest;
  // Objects that count come first, so that a detection takes an ignored one only if none of them fits.
  const order = objects.map((_, index) => index).sort((a, b) => +isIgnored(objects[a]) - +isIgnored(objects[b]));
  const ignoredObjects = order.map((index) => isIgnored(objects[index]));
  const outside = detections.map(({ bbox }) => bbox[2] * bbox[3] < smallest || bbox[2] * bbox[3] > largest);
  const matched: boolean[][] = [];
  const ignored: boolean[][] = [];
  for (const threshold of IOU_THRESHOLDS) {
    const taken = order.map(() => false);
    const matchedHere: boolean[] = [];
    const ignoredHere: boolean[] = [];
    detections.forEach((_, detection) => {
      let best = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (let position = 0; position < order.length; position++) {
        const object = order[position];
        if (taken[position] && objects[object].iscrowd !== 1) continue;
        if (match >= 0 && !ignoredObjects[match] && ignoredObjects[position]) break;
        if (overlaps[detection][object] < best) continue;
        best = overlaps[detection][object];
        match = position;
      }
      if (match >= 0) taken[match] = true;
      matchedHere.push(match >= 0);
      ignoredHere.push(match >= 0 ? ignoredObjects[match] : outside[detection]);
    });
    matched.push(matchedHere);
    ignored.push(ignoredHere);
  }
  return {
    scores: detections.map(({ score }) => score),
    matched,
    ignored,
    objects: ignoredObjects.filter((isIgnoredObject) => !isIgnoredObject).length,
  };
}

function accumulate(cells: readonly Matches[], most: number): Curve | undefined {
  const objects = cells.reduce((sum, cell) => sum + cell.objects, 0);
  if (objects === 0) return undefined;
  const all = cells.flatMap((cell, index) =>
    cell.scores.slice(0, most).map((score, detection) => ({ score, cell: index, detection })),
  );
  all.sort((a, b) => b.score - a.score);
  const precision: number[][] = [];
  const recall: number[] = [];
  IOU_THRESHOLDS.forEach((_, threshold) => {
    let right = 0;
    let wrong = 0;
    const recalls: number[] = [];
    const precisions: number[] = [];
    for (const { cell, detection } of all) {
      if (!cells[cell].ignored[threshold][detection]) {
        if (cells[cell].matched[threshold][detection]) right++;
        else wrong++;
      }
      recalls.push(right / objects);
      precisions.push(right / (wrong + right + EPSILON));
    }
    for (let index = precisions.length - 1; index > 0; index--) {
      precisions[index - 1] = Math.max(precisions[index - 1], precisions[index]);
    }
    recall.push(recalls.at(-1) ?? 0);
    precision.push(sampleAtRecalls(recalls, precisions));
  });
  return { precision, recall };
}

/** The precision at the first point whose recall reaches each of the 101 recalls; 0 beyond the last. */
function sampleAtRecalls(recalls: readonly number[], precisions: readonly number[]): number[] {
  let point = 0;
  return RECALL_THRESHOLDS.map((threshold) => {
    while (point < recalls.length && recalls[point] < threshold) point++;
    return point < precisions.length ? precisions[point] : 0;
  });
}
