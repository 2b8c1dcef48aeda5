import { ModelFormatError } from '../engine/errors.ts';
import type { ModelFile } from '../loader/model-file.ts';
import type { DetectionDefaults, InputContract } from './contract.ts';
import { defaultLabels } from './labels.ts';
import { centeredInput, type InputPlace, yoloNasInput } from './preprocessing.ts';

/** What the metadata of a state dict state of its contract, completed with the family's conventions. */
export interface StateDictContract {
  /** [width, height] in pixels. */
  readonly inputSize?: readonly [number, number];
  readonly labels: (classCount: number) => readonly string[];
  readonly input: (place: InputPlace) => InputContract;
  readonly defaults: DetectionDefaults;
}

/**
 * Metadata keys, all optional: `labels` (JSON list of names), `inputSize` (JSON [width, height]), `preprocess` (JSON:
 * resize "letterbox" or "stretch", align "center" or "topLeft", pad 0..255, channels "rgb" or "bgr", scale),
 * `scoreThreshold` and `iouThreshold`. Without `preprocess`, images are treated as YOLO-NAS does.
 *
 * @throws ModelFormatError where one of them is not of its form
 */
export function readStateDictContract(file: ModelFile): StateDictContract {
  const field = <T>(key: string, expected: string, check: (value: unknown) => value is T): T | undefined => {
    const text = file.metadata.get(key);
    if (text === undefined) return undefined;
    const value = parseJson(text);
    if (check(value)) return value;
    throw new ModelFormatError(`${file.source}: its metadata "${key}" must be ${expected}, it is ${text.slice(0, 80)}`);
  };
  const labels = field('labels', 'a list of names', isNames);
  const preprocess = field('preprocess', 'the steps from an image to the input', isPreprocess);
  return {
    inputSize: field('inputSize', '[width, height]', isSize),
    labels: (classCount) => labels ?? defaultLabels(classCount),
    input: (place) => (preprocess ? inputOf(place, preprocess) : yoloNasInput(place)),
    defaults: {
      scoreThreshold: field('scoreThreshold', 'a number from 0 to 1', isShare) ?? 0.25,
      iouThreshold: field('iouThreshold', 'a number from 0 to 1', isShare) ?? 0.7,
      maxDetections: 300,
    },
  };
}

interface Preprocess {
  readonly resize: InputContract['resize'];
  readonly align: InputContract['align'];
  readonly pad: number;
  readonly channels: InputContract['channelOrder'];
  readonly scale: number;
}

function inputOf(place: InputPlace, { resize, align, pad, channels, scale }: Preprocess): InputContract {
  return {
    ...centeredInput(place),
    resize,
    align,
    padValue: pad,
    channelOrder: channels,
    scale: [scale, scale, scale],
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function isSize(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((size) => Number.isInteger(size) && size > 0);
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function isPreprocess(value: unknown): value is Preprocess {
  if (typeof value !== 'object' || value === null) return false;
  const { resize, align, pad, channels, scale } = value as Partial<Record<string, unknown>>;
  return (
    (resize === 'letterbox' || resize === 'stretch') &&
    (align === 'center' || align === 'topLeft') &&
    (channels === 'rgb' || channels === 'bgr') &&
    typeof pad === 'number' &&
    pad >= 0 &&
    pad <= 255 &&
    typeof scale === 'number' &&
    Number.isFinite(scale)
  );
}
