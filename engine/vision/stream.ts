import { settledBy } from '../abort.ts';
import { InvalidArgumentError, InvalidImageError, throwIfAborted } from '../errors.ts';
import type { DetectionResult, StreamedDetection } from './detection.ts';
import type { ImageSource } from './image.ts';

export interface StreamOptions {
  /** Rejects where the signal fires. */
  readonly detect: (image: ImageSource) => Promise<DetectionResult>;
  /** How many images may be on their way, or done and not taken, at once. */
  readonly framesInFlight: number;
  readonly signal?: AbortSignal;
}

type Images = AsyncIterable<ImageSource> | Iterable<ImageSource>;
type Stream = AsyncGenerator<StreamedDetection, void, undefined>;
type StreamedFrame = Omit<StreamedDetection, keyof DetectionResult>;

/** See `Detector.detectStream`. */
export function detectFrames(source: Images | HTMLVideoElement, options: StreamOptions): Stream {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source || Symbol.iterator in source) return detectEach(source, options);
    if ('requestVideoFrameCallback' in source) return detectVideo(source, options);
  }
  throw new InvalidArgumentError(
    'A stream comes from a video element or from an iterable of images; one is detected alone',
  );
}

/** Every image of an iterable, in order. The next one is fetched while earlier ones are on their way. */
async function* detectEach(images: Images, { detect, framesInFlight, signal }: StreamOptions): Stream {
  const iterator = Symbol.asyncIterator in images ? images[Symbol.asyncIterator]() : images[Symbol.iterator]();
  const queue = new FrameQueue(detect);
  let index = 0;
  let ended = false;
  let fetching: Promise<void> | undefined;
  const fetchNext = async () => {
    try {
      const next = await iterator.next();
      if (next.done) ended = true;
      else queue.start({ image: next.value, index: index++ });
    } catch (error) {
      ended = true;
      queue.fail(error);
    } finally {
      fetching = undefined;
    }
  };
  try {
    for (;;) {
      throwIfAborted(signal, STREAM);
      if (!ended && queue.length < framesInFlight) fetching ??= fetchNext();
      if (queue.length > 0) {
        const result = await queue.first(fetching);
        if (result) yield result;
      } else if (fetching) {
        await settledBy(signal, STREAM, fetching);
      } else if (ended) return;
    }
  } finally {
    await queue.settled();
    if (!ended) {
      const closing = Promise.resolve(iterator.return?.());
      // A source that is about to give an image closes after that, which may be never.
      if (fetching) closing.catch(() => {});
      else await closing;
    }
  }
}

/** The newest frames of a video, as many as can be on their way. */
async function* detectVideo(video: HTMLVideoElement, { detect, framesInFlight, signal }: StreamOptions): Stream {
  const queue = new FrameQueue(detect);
  let index = 0;
  let ended = video.ended;
  /** What the video shows, where nobody has looked at it yet. */
  let newest: StreamedFrame | undefined;
  let wake = () => {};
  const look = () => {
    if (!newest || queue.length >= framesInFlight) return;
    queue.start(newest);
    newest = undefined;
    wake();
  };
  const onFrame = (_now: number, { mediaTime }: VideoFrameCallbackMetadata) => {
    request = video.requestVideoFrameCallback(onFrame);
    newest = { image: video, index: index++, mediaTime };
    look();
  };
  const onEnded = () => {
    ended = true;
    wake();
  };
  const onError = () => {
    queue.fail(new InvalidImageError(`The video stopped: ${video.error?.message || 'it could not be decoded'}`));
    onEnded();
  };
  let request = video.requestVideoFrameCallback(onFrame);
  video.addEventListener('ended', onEnded);
  video.addEventListener('error', onError);
  try {
    for (;;) {
      throwIfAborted(signal, STREAM);
      if (queue.length > 0) {
        const result = await queue.first();
        look();
        if (result) yield result;
      } else if (ended) {
        return;
      } else {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await settledBy(signal, STREAM, woken);
      }
    }
  } finally {
    video.cancelVideoFrameCallback(request);
    video.removeEventListener('ended', onEnded);
    video.removeEventListener('error', onError);
    await queue.settled();
  }
}

const STREAM = 'The stream';

/** Frames on their way, in order. Errors take their place among them, so that what came before is seen first. */
class FrameQueue {
  readonly #detect: StreamOptions['detect'];
  readonly #results: Promise<StreamedDetection>[] = [];

  constructor(detect: StreamOptions['detect']) {
    this.#detect = detect;
  }

  get length(): number {
    return this.#results.length;
  }

  start(frame: StreamedFrame): void {
    this.#push(this.#detect(frame.image).then((result) => ({ ...result, ...frame })));
  }

  fail(error: unknown): void {
    this.#push(Promise.reject(error));
  }

  /** Takes the result of the earliest frame; nothing where `other` comes sooner. */
  async first(other?: Promise<void>): Promise<StreamedDetection | undefined> {
    const [earliest] = this.#results;
    const result = await (other ? Promise.race([earliest, other]) : earliest);
    if (!result) return undefined;
    this.#results.shift();
    return result;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#results);
  }

  #push(result: Promise<StreamedDetection>): void {
    // Whoever takes it sees the error; until then nobody has missed it.
    result.catch(() => {});
    this.#results.push(result);
  }
}
