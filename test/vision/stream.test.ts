import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AbortError, InvalidArgumentError, InvalidImageError } from '../../engine/errors.ts';
import type { DetectionResult, StreamedDetection } from '../../engine/vision/detection.ts';
import { Detector } from '../../engine/vision/detector.ts';
import type { ImageSource, PixelImage } from '../../engine/vision/image.ts';
import { detectFrames, type StreamOptions } from '../../engine/vision/stream.ts';
import { colourDetector, painted, patchesOf } from '../support/colour-detector.ts';
import { testDevice } from '../support/device.ts';

/** A detection that ends when the test says so. */
class Detections {
  readonly started: ImageSource[] = [];
  readonly #waiting: { resolve(result: DetectionResult): void; reject(error: unknown): void }[] = [];

  readonly detect = (image: ImageSource): Promise<DetectionResult> => {
    this.started.push(image);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  get waiting(): number {
    return this.#waiting.length;
  }

  async finish(count = this.#waiting.length): Promise<void> {
    for (const { resolve } of this.#waiting.splice(0, count)) resolve({} as DetectionResult);
    await turns();
  }

  async fail(error: Error): Promise<void> {
    this.#waiting.shift()?.reject(error);
    await turns();
  }
}

/** Lets everything happen that waits for nothing but promises. */
const turns = () => delay(1);

const image = (width: number) => painted(width, 8, []);

/** Images of width 1, 2, 3 ..., and what was asked of their source. */
function source(count = Number.POSITIVE_INFINITY) {
  const state = { given: 0, closed: false };
  async function* images() {
    try {
      for (let width = 1; width <= count; width++) {
        state.given++;
        yield image(width);
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, images: images() };
}

/** Takes results as they come. */
function collect(stream: AsyncIterable<StreamedDetection>) {
  const taken: StreamedDetection[] = [];
  const done = (async () => {
    for await (const result of stream) taken.push(result);
  })();
  done.catch(() => {});
  return { taken, done };
}

const widths = (results: readonly StreamedDetection[]) => results.map((result) => (result.image as PixelImage).width);

describe('a stream of an iterable', () => {
  it('has as many frames on their way as it may, gives all of them in order, and ends', async () => {
    const detections = new Detections();
    const { state, images } = source(7);
    const { taken, done } = collect(detectFrames(images, { detect: detections.detect, framesInFlight: 3 }));
    await turns();
    expect(detections.waiting).toBe(3);
    expect(state.given).toBe(3);
    await detections.finish(1);
    expect(detections.waiting).toBe(3);
    while (detections.waiting > 0) await detections.finish();
    await done;
    expect(widths(taken)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(taken.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(state.closed).toBe(true);
  });

  it('fetches nothing while nobody takes what is done', async () => {
    const detections = new Detections();
    const { state, images } = source();
    const stream = detectFrames(images, { detect: detections.detect, framesInFlight: 3 });
    const first = stream.next();
    await turns();
    await detections.finish();
    await first;
    await turns();
    expect(state.given).toBe(3);
    await stream.return();
    expect(state.closed).toBe(true);
  });

  it('gives what is done while its source takes its time', async () => {
    const detections = new Detections();
    let give = (_: PixelImage) => {};
    async function* slow() {
      yield image(1);
      yield await new Promise<PixelImage>((resolve) => (give = resolve));
    }
    const { taken, done } = collect(detectFrames(slow(), { detect: detections.detect, framesInFlight: 3 }));
    await turns();
    await detections.finish();
    expect(widths(taken)).toEqual([1]);
    give(image(2));
    await turns();
    await detections.finish();
    await done;
    expect(widths(taken)).toEqual([1, 2]);
  });

  it('takes arrays and generators that are not asynchronous', async () => {
    const detect = async () => ({}) as DetectionResult;
    const { taken, done } = collect(detectFrames([image(1), image(2)], { detect, framesInFlight: 1 }));
    await done;
    expect(widths(taken)).toEqual([1, 2]);
    expect(await collect(detectFrames([], { detect, framesInFlight: 1 })).done).toBeUndefined();
  });

  it('waits for what is on its way, and closes its source, when the loop is left', async () => {
    const detections = new Detections();
    const { state, images } = source();
    let left = false;
    const loop = (async () => {
      for await (const { index } of detectFrames(images, { detect: detections.detect, framesInFlight: 2 })) {
        expect(index).toBe(0);
        break;
      }
      left = true;
    })();
    await turns();
    await detections.finish(1);
    expect(left).toBe(false);
    await detections.finish();
    await loop;
    expect(state.closed).toBe(true);
  });

  it('gives what came before an error, then the error', async () => {
    const detections = new Detections();
    const { state, images } = source();
    const { taken, done } = collect(detectFrames(images, { detect: detections.detect, framesInFlight: 3 }));
    await turns();
    await detections.finish(1);
    await detections.fail(new InvalidImageError('no image'));
    await detections.finish();
    await expect(done).rejects.toThrow('no image');
    expect(widths(taken)).toEqual([1]);
    expect(state.closed).toBe(true);
  });

  it('passes on what its source throws, after the images before it', async () => {
    const detections = new Detections();
    async function* breaking() {
      yield image(1);
      throw new Error('the camera is gone');
    }
    const { taken, done } = collect(detectFrames(breaking(), { detect: detections.detect, framesInFlight: 3 }));
    await turns();
    await detections.finish();
    await expect(done).rejects.toThrow('the camera is gone');
    expect(widths(taken)).toEqual([1]);
  });

  it('ends when the signal fires, even if its source never answers', async () => {
    const detections = new Detections();
    const controller = new AbortController();
    const silent: AsyncIterable<ImageSource> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }),
    };
    const options = { detect: detections.detect, framesInFlight: 3, signal: controller.signal };
    const { done } = collect(detectFrames(silent, options));
    await turns();
    controller.abort('enough');
    await expect(done).rejects.toThrow(AbortError);
  });

  it('asks nothing of its source once the signal has fired', async () => {
    const { state, images } = source();
    const options = { detect: new Detections().detect, framesInFlight: 3, signal: AbortSignal.abort() };
    await expect(collect(detectFrames(images, options)).done).rejects.toThrow(AbortError);
    expect(state.given).toBe(0);
  });

  it('refuses what gives no images', () => {
    const options: StreamOptions = { detect: new Detections().detect, framesInFlight: 3 };
    for (const nothing of [undefined, 7, {}, image(1)]) {
      expect(() => detectFrames(nothing as never, options)).toThrow(InvalidArgumentError);
    }
  });
});

/** What a stream asks of a video element, shown frame by frame by the test. */
class FakeVideo extends EventTarget {
  ended = false;
  readonly error = { message: 'bad data' };
  readonly #callbacks = new Map<number, VideoFrameRequestCallback>();
  #requests = 0;

  requestVideoFrameCallback(callback: VideoFrameRequestCallback): number {
    this.#callbacks.set(++this.#requests, callback);
    return this.#requests;
  }

  cancelVideoFrameCallback(request: number): void {
    this.#callbacks.delete(request);
  }

  get isWatched(): boolean {
    return this.#callbacks.size > 0;
  }

  async show(mediaTime: number): Promise<void> {
    const callbacks = [...this.#callbacks.values()];
    this.#callbacks.clear();
    for (const callback of callbacks) callback(0, { mediaTime } as VideoFrameCallbackMetadata);
    await turns();
  }

  async end(event = 'ended'): Promise<void> {
    this.ended = event === 'ended';
    this.dispatchEvent(new Event(event));
    await turns();
  }

  get element(): HTMLVideoElement {
    return this as unknown as HTMLVideoElement;
  }
}

function watch(framesInFlight: number, signal?: AbortSignal) {
  const video = new FakeVideo();
  const detections = new Detections();
  const stream = detectFrames(video.element, { detect: detections.detect, framesInFlight, signal });
  return { video, detections, ...collect(stream) };
}

describe('a stream of a video', () => {
  it('looks at frames as they are shown, until it ends', async () => {
    const { video, detections, taken, done } = watch(2);
    await turns();
    for (const time of [0, 0.1, 0.2]) {
      await video.show(time);
      await detections.finish();
    }
    await video.end();
    await done;
    expect(taken.map(({ index, mediaTime }) => [index, mediaTime])).toEqual([
      [0, 0],
      [1, 0.1],
      [2, 0.2],
    ]);
    expect(taken.every((result) => result.image === video.element)).toBe(true);
    expect(video.isWatched).toBe(false);
  });

  it('drops frames while as many as may be are on their way, but for the newest', async () => {
    const { video, detections, taken, done } = watch(2);
    await turns();
    for (const time of [0, 1, 2, 3, 4]) await video.show(time);
    expect(detections.waiting).toBe(2);
    await detections.finish(1);
    await video.show(5);
    expect(detections.waiting).toBe(2);
    await video.end();
    while (detections.waiting > 0) await detections.finish();
    await done;
    expect(taken.map(({ index, mediaTime }) => [index, mediaTime])).toEqual([
      [0, 0],
      [1, 1],
      [4, 4],
      [5, 5],
    ]);
  });

  it('drops frames while nobody takes what is done', async () => {
    const video = new FakeVideo();
    const detections = new Detections();
    const stream = detectFrames(video.element, { detect: detections.detect, framesInFlight: 2 });
    const first = stream.next();
    await turns();
    for (const time of [0, 1, 2]) {
      await video.show(time);
      await detections.finish();
    }
    expect((await first).value).toMatchObject({ index: 0 });
    for (const time of [3, 4]) await video.show(time);
    expect(detections.started.length).toBe(3);
    await detections.finish();
    await stream.return();
    expect(video.isWatched).toBe(false);
  });

  it('ends when the signal fires', async () => {
    const controller = new AbortController();
    const { video, done } = watch(2, controller.signal);
    await turns();
    controller.abort();
    await expect(done).rejects.toThrow(AbortError);
    expect(video.isWatched).toBe(false);
  });

  it('says so where the video fails, after the frames before', async () => {
    const { video, detections, taken, done } = watch(2);
    await turns();
    await video.show(0);
    await video.end('error');
    await detections.finish();
    await expect(done).rejects.toThrow('The video stopped: bad data');
    expect(taken.length).toBe(1);
  });

  it('has nothing to look at in one that has ended', async () => {
    const video = new FakeVideo();
    video.ended = true;
    await collect(detectFrames(video.element, { detect: new Detections().detect, framesInFlight: 2 })).done;
    expect(video.isWatched).toBe(false);
  });
});

describe('Detector.detectStream', () => {
  let detector: Detector;
  beforeAll(async () => {
    detector = await Detector.create(colourDetector(), { device: await testDevice(), framesInFlight: 4 });
  });
  afterAll(() => detector.dispose());

  const patches = (cell: number) =>
    [
      {
        box: [8 * (cell % 8), 8 * Math.floor(cell / 8), 8 * (cell % 8) + 8, 8 * Math.floor(cell / 8) + 8],
        colour: 'red',
      },
    ] as const;
  const numbered = (cell: number) => painted(64, 64, patches(cell));

  it('gives each image its own result', async () => {
    const cells = Array.from({ length: 30 }, (_, i) => (i * 7) % 64);
    const found = [];
    for await (const result of detector.detectStream(cells.map(numbered))) found.push(patchesOf(result));
    expect(found).toEqual(cells.map(patches));
  });

  it('honours its options, and leaves the detector usable when the loop is left', async () => {
    for await (const result of detector.detectStream([numbered(1), numbered(2)], { scoreThreshold: 1 })) {
      expect(result.detections).toEqual([]);
      break;
    }
    expect(patchesOf(await detector.detect(numbered(3)))).toEqual(patches(3));
  });

  it('ends with AbortError, and with the error of an image', async () => {
    const controller = new AbortController();
    const loop = async () => {
      for await (const _ of detector.detectStream([1, 2, 3, 4, 5].map(numbered), { signal: controller.signal })) {
        controller.abort();
      }
    };
    await expect(loop()).rejects.toThrow(AbortError);
    const broken = [numbered(1), { data: new Uint8Array(3), width: 2, height: 2 }];
    await expect(collect(detector.detectStream(broken)).done).rejects.toThrow(InvalidImageError);
    expect(patchesOf(await detector.detect(numbered(3)))).toEqual(patches(3));
  });
});
