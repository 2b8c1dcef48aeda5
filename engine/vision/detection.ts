import type { InputSize } from '../../models/input-size.ts';
import type { AdapterReport } from '../runtime/device.ts';
import type { ImageSource } from './image.ts';
import type { Box } from './letterbox.ts';
import type { FrameTimings } from './pipeline.ts';

/** What is left out, or undefined, is as the network's contract has it. */
export interface DetectOptions {
  /** Only what scores more, 0..1. */
  readonly scoreThreshold?: number;
  /** A box goes if it overlaps a better one of its class by more, 0..1. End-to-end networks don't use it. */
  readonly iouThreshold?: number;
  /** From 1 to 1024. */
  readonly maxDetections?: number;
  /** Boxes suppress boxes of every class, not only of their own. Default false. */
  readonly classAgnostic?: boolean;
  /** Every class of an anchor above the threshold counts, as in COCO evaluation, not its best class only. Default false. */
  readonly multiLabel?: boolean;
  /**
   * Pixels, a multiple of the stride, where the network leaves its size open. Default: that of the detector. The first
   * image of a size compiles the network for it; the sizes used last are kept ready, up to 4 of them with those of batches.
   */
  readonly inputSize?: InputSize;
  /** Detect in flipped and scaled copies too. Not built yet: true is refused. */
  readonly augment?: boolean;
  readonly signal?: AbortSignal;
}

export interface Detection {
  /** x1, y1, x2, y2 in pixels of the image as given, clipped to it. */
  readonly box: Box;
  /** 0..1. */
  readonly score: number;
  readonly classId: number;
  readonly label: string;
}

/** Milliseconds. */
export interface DetectionTimings extends FrameTimings {
  /** From the call until the result, waiting for earlier images included. */
  readonly total: number;
}

export interface DetectionResult {
  /** Best first. */
  readonly detections: Detection[];
  /** Size of the image, pixels. */
  readonly width: number;
  readonly height: number;
  readonly timings: DetectionTimings;
  /** Images that went through the network together with this one, itself included. */
  readonly batchSize: number;
  readonly adapter: AdapterReport;
}

/** A result of a stream. */
export interface StreamedDetection extends DetectionResult {
  /** What was looked at: an image of the source, or its video. */
  readonly image: ImageSource;
  /** Its place in what the source gave, from 0. Numbers that are missing are frames that were dropped. */
  readonly index: number;
  /** When the frame is shown, in seconds from the start of its video. */
  readonly mediaTime?: number;
}

/** How many images of an array go through the network at once. */
export interface Batching {
  readonly largest: number;
  /** Why that is less than was asked for, where it is. */
  readonly reason?: string;
}
