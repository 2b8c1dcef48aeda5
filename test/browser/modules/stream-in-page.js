import { Detector } from '/dist/onelook.min.js';
import { encodeVideo } from './encode-video.js';

/**
 * Detects what a video of a picture shows, to its end, and then once more until the signal fires.
 * @param {string} url of the picture
 * @returns {Promise<{ frames: { index: number, mediaTime: number, labels: string[] }[], alone: string[], aborted: string }>}
 */
export async function streamVideo(url) {
  const bytes = Uint8Array.from(atob(await encodeVideo(url)), (character) => character.charCodeAt(0));
  const video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/webm' }));
  const detector = await Detector.load();
  await video.play();
  const frames = [];
  for await (const { index, mediaTime = -1, detections } of detector.detectStream(video)) {
    frames.push({ index, mediaTime, labels: labelsOf(detections) });
  }
  const picture = await createImageBitmap(await (await fetch(url)).blob());
  const alone = labelsOf((await detector.detect(picture)).detections);

  const controller = new AbortController();
  video.currentTime = 0;
  await video.play();
  let aborted = '';
  try {
    for await (const _ of detector.detectStream(video, { signal: controller.signal })) controller.abort();
  } catch (error) {
    aborted = /** @type {{ code?: string }} */ (error).code ?? String(error);
  }
  detector.dispose();
  return { frames, alone, aborted };
}

/** @param {readonly { label: string }[]} detections */
function labelsOf(detections) {
  return detections.map(({ label }) => label).sort();
}
