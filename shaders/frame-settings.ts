/**
 * What changes from frame to frame, as one storage buffer of float32 written before each submission: so one pipeline
 * serves every image size and every threshold. Each image of a batch has settings of its own, one after another.
 * Integers in it are exact up to 2^24.
 */
const FIELDS = [
  /** The image's number in its batch. */
  'image',
  /** Size of the image as given, pixels. */
  'imageWidth',
  'imageHeight',
  /** Bytes of a pixel in a byte image: 3 (RGB) or 4 (RGBA). */
  'pixelBytes',
  /** Where the resized image lies in the network's input, pixels of the input. */
  'contentLeft',
  'contentTop',
  'contentWidth',
  'contentHeight',
  'scoreThreshold',
  'iouThreshold',
  'maxDetections',
  /** 1: boxes suppress boxes of every class; 0: of their own class only. */
  'classAgnostic',
] as const;

export type FrameSettings = Readonly<Record<(typeof FIELDS)[number], number>>;

/** Bytes of an image's settings: those of each image can be bound alone, so they begin where a binding may. */
export const FRAME_SETTINGS_BYTES = 256;

/** Writes the settings of image number `image`. */
export function packFrameSettings(settings: FrameSettings, into: Float32Array, image = 0): void {
  FIELDS.forEach((field, index) => {
    into[(image * FRAME_SETTINGS_BYTES) / 4 + index] = settings[field];
  });
}

/** A field in WGSL, where the settings of one image are bound as `settings` (f32); or those of all, and `image` names one. */
export function frameSetting(field: keyof FrameSettings, image?: string): string {
  const first = image ? `${image} * ${FRAME_SETTINGS_BYTES / 4}u + ` : '';
  return `settings[${first}${FIELDS.indexOf(field)}u]`;
}

/**
 * The result of an image, 32-bit words: a header whose first word counts the detections, then a row for each, best first:
 * x1 y1 x2 y2 score (float32, pixels of the network's input), class, anchor, 0.
 */
const RESULT_HEADER_WORDS = 8;
const RESULT_ROW_WORDS = 8;

/** WGSL that writes the result of an image, where the results of all, each of `params.capacity` rows, are `result` (u32). */
export const WRITE_RESULT = `
fn resultOf(image: u32) -> u32 {
  return image * (${RESULT_HEADER_WORDS}u + params.capacity * ${RESULT_ROW_WORDS}u);
}
fn writeCount(image: u32, count: u32) {
  result[resultOf(image)] = count;
}
fn writeRow(image: u32, row: u32, box: vec4<f32>, score: u32, label: u32, anchor: u32) {
  let at = resultOf(image) + ${RESULT_HEADER_WORDS}u + row * ${RESULT_ROW_WORDS}u;
  let corners = bitcast<vec4<u32>>(box);
  result[at] = corners.x;
  result[at + 1u] = corners.y;
  result[at + 2u] = corners.z;
  result[at + 3u] = corners.w;
  result[at + 4u] = score;
  result[at + 5u] = label;
  result[at + 6u] = anchor;
  result[at + 7u] = 0u;
}`;

export function resultBytes(capacity: number): number {
  return 4 * (RESULT_HEADER_WORDS + capacity * RESULT_ROW_WORDS);
}

/** A detection where the network saw it. */
export interface RawDetection {
  /** x1, y1, x2, y2 in pixels of the network's input. */
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly classId: number;
  /** Which anchor, or row of an end-to-end output, it came from. */
  readonly anchor: number;
}

/** The detections of a result that begins `offset` bytes into a buffer. */
export function readResult(bytes: ArrayBuffer, offset = 0): RawDetection[] {
  const words = new Uint32Array(bytes, offset);
  const floats = new Float32Array(bytes, offset);
  return Array.from({ length: words[0] }, (_, row) => {
    const at = RESULT_HEADER_WORDS + row * RESULT_ROW_WORDS;
    return {
      box: [floats[at], floats[at + 1], floats[at + 2], floats[at + 3]],
      score: floats[at + 4],
      classId: words[at + 5],
      anchor: words[at + 6],
    };
  });
}
