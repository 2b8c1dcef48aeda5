import { Detector } from '/dist/onelook.js';

/**
 * Detects with the embedded network in one picture, given in every form that a page can have it in.
 * @param {string} url of the picture
 * @returns {Promise<Record<string, object>>} results by the name of the form
 */
export async function detectInEveryForm(url) {
  const detector = await Detector.load();
  const blob = await (await fetch(url)).blob();
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
  context.drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(width, height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (offscreen.getContext('2d')).drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  const element = new Image();
  element.src = URL.createObjectURL(blob);
  await element.decode();
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  const video = await play(canvas);
  const forms = {
    bytes: { data: pixels.data, width, height },
    ImageData: pixels,
    ImageBitmap: bitmap,
    HTMLImageElement: element,
    HTMLCanvasElement: canvas,
    OffscreenCanvas: offscreen,
    VideoFrame: frame,
    HTMLVideoElement: video,
  };
  /** @type {Record<string, object>} */
  const results = {};
  for (const [name, image] of Object.entries(forms)) results[name] = await detector.detect(image);
  frame.close();
  video.pause();
  detector.dispose();
  return results;
}

/**
 * A stream takes a frame when the canvas is drawn to, so it is drawn again until the video plays.
 * @param {HTMLCanvasElement} canvas
 */
async function play(canvas) {
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = canvas.captureStream();
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const drawing = setInterval(() => context.drawImage(canvas, 0, 0), 20);
  await video.play();
  clearInterval(drawing);
  return video;
}

/** What a detector says to a closed frame, a closed bitmap and an image element that has not loaded. */
export async function detectInUnusable() {
  const detector = await Detector.load();
  const canvas = new OffscreenCanvas(8, 8);
  canvas.getContext('2d');
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  frame.close();
  const bitmap = await createImageBitmap(new ImageData(4, 4));
  bitmap.close();
  const messages = [];
  for (const image of [frame, bitmap, new Image(), document.createElement('video')]) {
    messages.push(
      await detector.detect(image).then(
        () => 'accepted',
        (error) => error.code,
      ),
    );
  }
  detector.dispose();
  return messages;
}
