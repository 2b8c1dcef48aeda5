import { acquireDevice, Detector } from '/dist/onelook.js';

/**
 * Counts what a device creates for pictures, after it has seen each of their forms.
 * @param {string} url of a picture
 * @returns {Promise<{ submissions: number, counts: Record<string, number> }>} counts by method
 */
export async function countCreated(url) {
  const engineDevice = await acquireDevice(navigator.gpu);
  /** @type {Record<string, number>} */
  let counts = {};
  const device = new Proxy(engineDevice.device, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (/** @type {unknown[]} */ ...parameters) => {
        const name = String(property);
        if (/^(create|import)/.test(name)) counts[name] = (counts[name] ?? 0) + 1;
        return value.apply(target, parameters);
      };
    },
  });
  const detector = await Detector.load(undefined, { device: { ...engineDevice, device } });
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.drawImage(bitmap, 0, 0);
  const images = [bitmap, canvas, context.getImageData(0, 0, canvas.width, canvas.height)];
  const detect = async () => {
    await detector.detect(images);
    for (const image of images) await detector.detect(image);
  };
  await detect();
  counts = {};
  await detect();
  detector.dispose();
  return { submissions: 1 + images.length, counts };
}
