import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CocoFigures, evaluateDetections, overlap } from '../../../cli/evaluation/average-precision.ts';
import { type CocoDataset, type CocoDetection, matchCategories } from '../../../cli/evaluation/coco.ts';

/** A seeded random dataset with crowds, ties and all sizes, and what pycocotools 2.0 computes for it. */
interface Golden {
  readonly dataset: CocoDataset;
  readonly detections: readonly CocoDetection[];
  readonly figures: CocoFigures;
}

function readGolden(): Golden {
  return JSON.parse(readFileSync(new URL('../../fixtures/average-precision.json', import.meta.url), 'utf8'));
}

function evaluate(dataset: CocoDataset, detections: readonly CocoDetection[]): CocoFigures {
  const images = dataset.images.map(({ id }) => id);
  const categories = dataset.categories.map(({ id }) => id);
  return evaluateDetections(images, categories, dataset.annotations, detections);
}

describe('evaluateDetections', () => {
  it('equals pycocotools to 1e-6 in every figure', () => {
    const { dataset, detections, figures } = readGolden();
    const ours = evaluate(dataset, detections);
    for (const name of Object.keys(figures) as (keyof CocoFigures)[]) {
      expect(Math.abs(ours[name] - figures[name]), name).toBeLessThan(1e-6);
    }
  });

  it('gives 100 points for the truth itself, and 0 for no detections', () => {
    const { dataset } = readGolden();
    const truth = dataset.annotations.filter(({ iscrowd }) => iscrowd === 0).map((object) => ({ ...object, score: 1 }));
    expect(evaluate(dataset, truth).AP).toBeCloseTo(100, 9);
    expect(evaluate(dataset, []).AP).toBe(0);
  });
});

describe('overlap', () => {
  it('divides by the union, or by the detection for a crowd', () => {
    expect(overlap([0, 0, 10, 10], [5, 0, 10, 10], false)).toBeCloseTo(50 / 150, 12);
    expect(overlap([0, 0, 10, 10], [5, 0, 10, 10], true)).toBeCloseTo(0.5, 12);
    expect(overlap([0, 0, 10, 10], [10, 0, 10, 10], false)).toBe(0);
  });
});

describe('matchCategories', () => {
  it('goes by name, else by order, and refuses what fits neither', () => {
    const categories = [
      { id: 5, name: 'Dog' },
      { id: 2, name: 'cat' },
    ];
    expect(matchCategories(['cat', 'dog', 'bird'], categories)).toEqual([2, 5, undefined]);
    expect(matchCategories(['a', 'b'], categories)).toEqual([2, 5]);
    expect(() => matchCategories(['a', 'b', 'c'], categories)).toThrow(/3 classes .* 2 categories/);
  });
});
