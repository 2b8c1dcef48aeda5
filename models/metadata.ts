import { UnsupportedModelError } from '../engine/errors.ts';
import type { ModelFile } from '../loader/model-file.ts';
import { parseLabels } from './labels.ts';
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

/** @throws UnsupportedModelError where the network is not a detector */
export function readMetadata(file: ModelFile): ExportMetadata {
  const { metadata, source } = file;
  const task = metadata.get('task') ?? 'detect';
  if (task !== 'detect') {
    throw new UnsupportedModelError(`${source} is a network for the task "${task}"; only detection is supported`);
  }
  const value = (key: string) => parsePythonLiteral(metadata.get(key) ?? '');
  const stride = value('stride');
  const names = metadata.get('names');
  return {
    labels: names === undefined ? undefined : parseLabels(names),
    stride: isPixels(stride) ? stride : undefined,
    inputSize: sizeOf(value('imgsz')),
    endToEnd: value('end2end') === true,
    description: metadata.get('description') ?? '',
  };
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
