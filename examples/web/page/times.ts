import type { DetectionTimings } from 'onelook';

/** One line of the table of times. */
export interface TimeRow {
  readonly stage: string;
  readonly what: string;
  readonly milliseconds: number;
  /** Contained in the row before. */
  readonly isPart?: boolean;
}

/** The stages in their order; together they are the total. */
export function timeRows(timings: DetectionTimings, decodeMilliseconds: number | undefined): TimeRow[] {
  const { upload, encode, gpu, readback, total } = timings;
  const rows: TimeRow[] = [];
  if (decodeMilliseconds !== undefined) {
    rows.push({ stage: 'Decode', what: 'the file becomes pixels, once', milliseconds: decodeMilliseconds });
  }
  rows.push(
    {
      stage: 'Wait',
      what: 'for earlier frames, and for kernels at first use',
      milliseconds: Math.max(0, total - upload - encode - readback),
    },
    { stage: 'Upload', what: 'pixels are handed to WebGPU', milliseconds: upload },
    { stage: 'Encode', what: 'commands are recorded and submitted', milliseconds: encode },
    { stage: 'Run and read back', what: 'until the detections are in memory', milliseconds: readback },
  );
  if (gpu !== undefined) rows.push({ stage: 'on the GPU', what: 'by its own clock', milliseconds: gpu, isPart: true });
  rows.push({ stage: 'Total', what: 'from the call to the detections', milliseconds: total });
  return rows;
}

export interface MeterReading {
  readonly framesPerSecond: number;
  /** Means over the frames since the last reading. */
  readonly timings: DetectionTimings;
}

/** Sums up the frames of a video into readings that people can follow, two a second. */
export class FrameMeter {
  readonly #interval: number;
  #frames: DetectionTimings[] = [];
  #since: number | undefined;

  /** @param interval milliseconds between readings */
  constructor(interval = 500) {
    this.#interval = interval;
  }

  /** @returns a reading where one is due */
  add(timings: DetectionTimings, now: number): MeterReading | undefined {
    if (this.#since === undefined) {
      this.#since = now;
      return undefined;
    }
    this.#frames.push(timings);
    const elapsed = now - this.#since;
    if (elapsed < this.#interval) return undefined;
    const reading = { framesPerSecond: (this.#frames.length * 1000) / elapsed, timings: mean(this.#frames) };
    this.#frames = [];
    this.#since = now;
    return reading;
  }
}

function mean(frames: readonly DetectionTimings[]): DetectionTimings {
  const average = (milliseconds: (timings: DetectionTimings) => number) =>
    frames.reduce((sum, frame) => sum + milliseconds(frame), 0) / frames.length;
  const hasGpu = frames.every(({ gpu }) => gpu !== undefined);
  return {
    upload: average(({ upload }) => upload),
    encode: average(({ encode }) => encode),
    ...(hasGpu ? { gpu: average(({ gpu }) => gpu ?? 0) } : {}),
    readback: average(({ readback }) => readback),
    total: average(({ total }) => total),
  };
}
