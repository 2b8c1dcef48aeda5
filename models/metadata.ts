import { ModelFormatError, UnsupportedModelError } from '../engine/errors.ts';
import type { ModelFile } from '../loader/model-file.ts';
import { parseLabels } from './parse-labels.ts';
import { parsePythonLiteral } from './python-literal.ts';

/** What exporters state about a network beside its graph. Ultralytics writes all of it, others little. */
export interface ExportMetadata {
  readonly labels?: readonly string[];
  readonly stride?: number;
  /** [width, height] in pixels. */
  readonly inputSize?: readonly [number, number];
  /** Whether the outputs are finished detections. */
  readonly endToEnd: boolean;
  readonly description: string;
}

/**
 * @param needsLabels Whether the caller has no labels of its own
 * @throws UnsupportedModelError where the network is not a detector
 * @throws ModelFormatError where labels are needed, and it has some in a form that isn't read
 */
export function readMetadata(file: ModelFile, needsLabels: boolean): ExportMetadata {
  const { metadata, source } = file;
  const task = metadata.get('task') ?? 'detect';
  if (task !== 'detect') {
    throw new UnsupportedModelError(`${source} is a network for the task "${task}"; only detection is supported`);
  }
  const value = (key: string) => parsePythonLiteral(metadata.get(key) ?? '');
  const stride = value('stride');
  return {
    labels: readLabels(file, needsLabels),
    stride: isPixels(stride) ? stride : undefined,
    inputSize: sizeOf(value('imgsz')),
    endToEnd: value('end2end') === true,
    description: metadata.get('description') ?? '',
  };
}

function readLabels({ metadata, source }: ModelFile, needed: boolean): readonly string[] | undefined {
  const text = metadata.get('names');
  if (text === undefined) return undefined;
  const names = parseLabels(text);
  if (names || !needed) return names;
  throw new ModelFormatError(`${source}: its metadata "names" list no names of classes; state labels yourself`);
}

/** One number, or [height, width]. */
function sizeOf(value: unknown): readonly [number, number] | undefined {
  if (isPixels(value)) return [value, value];
  if (!Array.isArray(value)) return undefined;
  const [height, width] = value;
  return isPixels(height) && isPixels(width) ? [width, height] : undefined;
}

function isPixels(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}
