import { InvalidArgumentError } from '../../engine/errors.ts';

/** [x, y, width, height] in pixels, as COCO writes boxes. */
export type Box = readonly [number, number, number, number];

export interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly width: number;
  readonly height: number;
}

export interface CocoAnnotation {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: Box;
  /** Of the object's outline, in pixels; smaller than the box. */
  readonly area: number;
  /** 1 where the box surrounds a group that isn't told apart. */
  readonly iscrowd: 0 | 1;
}

export interface CocoCategory {
  readonly id: number;
  readonly name: string;
}

export interface CocoDataset {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly CocoCategory[];
}

export interface CocoDetection {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: Box;
  /** 0..1. */
  readonly score: number;
}

/** Reads a COCO instances file. Throws `InvalidArgumentError` where a part is missing. */
export function parseCocoDataset(text: string, source: string): CocoDataset {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`${source} is not JSON`, { cause: error });
  }
  const dataset = parsed as Partial<CocoDataset> | null;
  for (const part of ['images', 'annotations', 'categories'] as const) {
    if (!Array.isArray(dataset?.[part])) {
      throw new InvalidArgumentError(`${source} is not a COCO annotation file: it has no list of ${part}`);
    }
  }
  const { images, annotations, categories } = dataset as CocoDataset;
  const broken = annotations.findIndex(({ bbox }) => !Array.isArray(bbox) || bbox.length !== 4);
  if (broken >= 0) throw new InvalidArgumentError(`${source}: annotation ${broken} has no box of four numbers`);
  return {
    images,
    categories,
    annotations: annotations.map((annotation) => ({
      ...annotation,
      area: annotation.area ?? annotation.bbox[2] * annotation.bbox[3],
      iscrowd: annotation.iscrowd ?? 0,
    })),
  };
}

/**
 * The dataset's category of each of the network's classes: by name where the names agree, else by order where there are as
 * many categories as classes. Throws `InvalidArgumentError` where neither holds.
 */
export function matchCategories(
  labels: readonly string[],
  categories: readonly CocoCategory[],
): (number | undefined)[] {
  const byName = new Map(categories.map(({ id, name }) => [name.toLowerCase(), id]));
  const matched = labels.map((label) => byName.get(label.toLowerCase()));
  if (matched.some((id) => id !== undefined)) return matched;
  if (labels.length === categories.length) return [...categories].sort((a, b) => a.id - b.id).map(({ id }) => id);
  throw new InvalidArgumentError(
    `the network's ${labels.length} classes (${labels.slice(0, 3).join(', ')} ...) are not the dataset's ` +
      `${categories.length} categories (${categories
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')} ...)`,
  );
}
