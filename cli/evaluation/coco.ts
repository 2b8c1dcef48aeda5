import { InvalidArgumentError } from '../../node.ts';

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

/** Reads a COCO instances file. Throws `InvalidArgumentError` where a part is missing or broken. */
export function parseCocoDataset(text: string, source: string): CocoDataset {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`${source} is not JSON`, { cause: error });
  }
  const list = <T>(part: keyof CocoDataset, isEntry: (entry: T) => boolean, wanted: string): T[] => {
    const entries = (parsed as Partial<CocoDataset> | null)?.[part] as unknown;
    if (!Array.isArray(entries)) {
      throw new InvalidArgumentError(`${source} is not a COCO annotation file: it has no list of ${part}`);
    }
    if (entries.length === 0) throw new InvalidArgumentError(`${source}: its list of ${part} is empty`);
    const broken = entries.findIndex((entry) => typeof entry !== 'object' || entry === null || !isEntry(entry));
    if (broken >= 0) throw new InvalidArgumentError(`${source}: entry ${broken} of its ${part} lacks ${wanted}`);
    return entries;
  };
  const images = list<CocoImage>(
    'images',
    ({ id, file_name }) => Number.isFinite(id) && typeof file_name === 'string',
    'an id and a file_name',
  );
  const categories = list<CocoCategory>(
    'categories',
    ({ id, name }) => Number.isFinite(id) && typeof name === 'string',
    'an id and a name',
  );
  const annotations = list<CocoAnnotation>(
    'annotations',
    ({ image_id, category_id, bbox }) =>
      Number.isFinite(image_id) &&
      Number.isFinite(category_id) &&
      Array.isArray(bbox) &&
      bbox.length === 4 &&
      bbox.every(Number.isFinite),
    'an image_id, a category_id and a bbox of four numbers',
  );
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
  const some = (names: readonly string[]) => names.slice(0, 3).join(', ');
  throw new InvalidArgumentError(
    `the network's ${labels.length} classes (${some(labels)} ...) are not the dataset's ${categories.length} categories ` +
      `(${some(categories.map(({ name }) => name))} ...)`,
  );
}
