import type { Detection } from '../../node.ts';

export type Found = Pick<Detection, 'box' | 'score' | 'classId'>;

/** What a trusted program finds in pictures, at its thresholds. */
export interface Reference {
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly images: Readonly<Record<string, readonly Found[]>>;
}

/** Two programs agree on a detection if they name the same class and their boxes and scores are this near. */
export const LEAST_OVERLAP = 0.9;
export const MOST_SCORE_DIFFERENCE = 0.03;
/** What the reference scores at least this much must be found; what we score more than `ADDED` it must have seen too. */
export const SURE = 0.3;
export const ADDED = 0.35;

export interface Comparison {
  /** Detections of the reference that must be found. */
  readonly wanted: number;
  /** Those without a counterpart, or with one that scores differently. */
  readonly missing: readonly Found[];
  /** Ours that the reference doesn't have. */
  readonly added: readonly Found[];
  readonly largestScoreDifference: number;
  readonly leastOverlap: number;
}

export function compareDetections(ours: readonly Found[], reference: readonly Found[]): Comparison {
  const sure = reference.filter(({ score }) => score >= SURE);
  const pairs = sure.map((wanted) => ({ wanted, found: counterpart(wanted, ours) }));
  const missing = pairs.filter(
    ({ wanted, found }) => !found || Math.abs(found.score - wanted.score) > MOST_SCORE_DIFFERENCE,
  );
  const matched = pairs.flatMap(({ wanted, found }) => (found ? [{ wanted, found }] : []));
  return {
    wanted: sure.length,
    missing: missing.map(({ wanted }) => wanted),
    added: ours.filter((found) => found.score > ADDED && !counterpart(found, reference)),
    largestScoreDifference: Math.max(0, ...matched.map(({ wanted, found }) => Math.abs(found.score - wanted.score))),
    leastOverlap: Math.min(1, ...matched.map(({ wanted, found }) => intersectionOverUnion(wanted.box, found.box))),
  };
}

/** The detection of the same class that overlaps most, if it overlaps enough. */
function counterpart({ box, classId }: Found, among: readonly Found[]): Found | undefined {
  const overlap = (other: Found) => (other.classId === classId ? intersectionOverUnion(box, other.box) : 0);
  return among.reduce<Found | undefined>((best, other) => {
    const better = overlap(other) >= LEAST_OVERLAP && (!best || overlap(other) > overlap(best));
    return better ? other : best;
  }, undefined);
}

function intersectionOverUnion(a: Detection['box'], b: Detection['box']): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([x1, y1, x2, y2]: Detection['box']) => (x2 - x1) * (y2 - y1);
  return (width * height) / (area(a) + area(b) - width * height);
}
