import type { RawDetection } from '../../shaders/frame-settings.ts';

/** Dense outputs as plain numbers: for each anchor its four box values, class scores and objectness. */
export interface DenseOutput {
  readonly boxes: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
  readonly objectness?: readonly number[];
}

export interface OracleOptions {
  readonly boxForm: 'centerSize' | 'corners';
  readonly grid?: { readonly inputWidth: number; readonly inputHeight: number; readonly strides: readonly number[] };
  readonly multiLabel: boolean;
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly maxDetections: number;
  readonly classAgnostic: boolean;
  readonly candidateLimit?: number;
}

/** Decoding and greedy NMS as one would write them down: sort, keep, remove what overlaps. Scores round to float32. */
export function detectionOracle(output: DenseOutput, options: OracleOptions): RawDetection[] {
  const candidates: RawDetection[] = [];
  output.boxes.forEach((values, anchor) => {
    const box = corners(values, anchor, options);
    if (![...values, ...box].every(Number.isFinite) || !(box[2] > box[0] && box[3] > box[1])) return;
    const objectness = output.objectness?.[anchor] ?? 1;
    const scores = output.scores[anchor].map((score) => (Number.isFinite(score) ? score : 0));
    const best = scores.indexOf(Math.max(...scores));
    scores.forEach((probability, classId) => {
      if (!options.multiLabel && classId !== best) return;
      const score = Math.fround(objectness * probability);
      if (score > Math.fround(options.scoreThreshold)) candidates.push({ box, score, classId, anchor });
    });
  });
  candidates.sort((a, b) => b.score - a.score || a.anchor - b.anchor || a.classId - b.classId);
  const kept: RawDetection[] = [];
  for (const candidate of candidates.slice(0, options.candidateLimit)) {
    if (kept.length === options.maxDetections) break;
    const suppressed = kept.some(
      (better) =>
        (options.classAgnostic || better.classId === candidate.classId) &&
        intersectionOverUnion(better.box, candidate.box) > options.iouThreshold,
    );
    if (!suppressed) kept.push(candidate);
  }
  return kept;
}

type Corners = RawDetection['box'];

function corners(values: readonly number[], anchor: number, { boxForm, grid }: OracleOptions): Corners {
  let [x, y, width, height] = values;
  if (grid) {
    const cell = gridCells(grid)[anchor];
    x = (x + cell.column) * cell.stride;
    y = (y + cell.row) * cell.stride;
    width = Math.exp(width) * cell.stride;
    height = Math.exp(height) * cell.stride;
  }
  if (boxForm === 'corners') return [x, y, width, height];
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}

function gridCells({ inputWidth, inputHeight, strides }: NonNullable<OracleOptions['grid']>) {
  return strides.flatMap((stride) => {
    const columns = inputWidth / stride;
    const cells = columns * (inputHeight / stride);
    return Array.from({ length: cells }, (_, i) => ({ stride, column: i % columns, row: Math.floor(i / columns) }));
  });
}

export function intersectionOverUnion(a: Corners, b: Corners): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = (box: Corners) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}
