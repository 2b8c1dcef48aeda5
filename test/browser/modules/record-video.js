const SECONDS = 1;

/**
 * A short WebM that shows a picture.
 * @param {string} url of the picture
 * @returns {Promise<string>} the file in base64
 */
export async function record(url) {
  const picture = await createImageBitmap(await (await fetch(url)).blob());
  const { width, height } = picture;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: 'video/webm', videoBitsPerSecond: 8e6 });
  /** @type {Blob[]} */
  const chunks = [];
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  const stopped = new Promise((resolve) => {
    recorder.onstop = resolve;
  });
  recorder.start();
  // A stream takes a frame whenever the canvas is drawn to.
  const drawing = setInterval(() => context.drawImage(picture, 0, 0), 50);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  clearInterval(drawing);
  recorder.stop();
  await stopped;
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
