import { PageError, sentence } from './messages.ts';
import type { MovingPicture, Picture, Source, Store } from './state.ts';

/** Opens what is to be looked at. Of several that are opened at once, the last one counts. */
export class SourceOpener {
  readonly #store: Store;
  #turn = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async open(opening: Promise<Source>): Promise<void> {
    const turn = ++this.#turn;
    const isLatest = () => turn === this.#turn;
    this.#store.update({ error: undefined });
    try {
      const source = await opening;
      if (isLatest()) this.#replace(source);
      else source.close();
    } catch (error) {
      if (isLatest()) this.#store.update({ error: sentence(error) });
    }
  }

  close(): void {
    this.#turn++;
    this.#replace(undefined);
  }

  #replace(source: Source | undefined): void {
    const before = this.#store.state.source;
    this.#store.update({ source, result: undefined });
    before?.close();
  }
}

export async function downloadPicture(url: string): Promise<Picture> {
  const name = url.slice(url.lastIndexOf('/') + 1);
  const response = await fetch(url).catch((cause: unknown) => {
    throw new PageError(`${name} can't be downloaded: is the server still running?`, { cause });
  });
  if (!response.ok) throw new PageError(`${name} can't be downloaded: the server answers HTTP ${response.status}`);
  return decodePicture(await response.blob(), name);
}

export async function decodePicture(file: Blob, name: string): Promise<Picture> {
  const started = performance.now();
  const image = await createImageBitmap(file, { premultiplyAlpha: 'none' }).catch((cause: unknown) => {
    throw new PageError(`${name} is no picture that this browser can read`, { cause });
  });
  const decodeMilliseconds = performance.now() - started;
  return { kind: 'picture', name, image, decodeMilliseconds, close: () => image.close() };
}

export async function openVideo(file: File): Promise<MovingPicture> {
  const url = URL.createObjectURL(file);
  const video = createVideo();
  video.src = url;
  video.loop = true;
  video.controls = true;
  const close = () => {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  };
  try {
    await play(video);
  } catch (cause) {
    close();
    throw new PageError(`${file.name} is no video that this browser can play`, { cause });
  }
  return { kind: 'video', name: file.name, image: video, close };
}

export async function openCamera(): Promise<MovingPicture> {
  if (!navigator.mediaDevices) throw new PageError('A camera needs a page that is served over https or from localhost');
  const wanted = { video: { facingMode: 'environment', width: { ideal: 1280 } }, audio: false };
  const stream = await navigator.mediaDevices.getUserMedia(wanted).catch((error: unknown) => {
    throw new PageError(cameraProblem(error), { cause: error });
  });
  const video = createVideo();
  video.srcObject = stream;
  await play(video);
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  return { kind: 'camera', name: stream.getVideoTracks()[0]?.label || 'the camera', image: video, close };
}

function createVideo(): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  return video;
}

/** Resolves once there is a frame to look at. */
async function play(video: HTMLVideoElement): Promise<void> {
  const hasFrame = new Promise((resolve, reject) => {
    video.addEventListener('loadeddata', resolve, { once: true });
    video.addEventListener('error', () => reject(video.error), { once: true });
  });
  await Promise.all([hasFrame, video.play()]);
  if (video.videoWidth === 0) throw new Error('there is sound, but no picture');
}

function cameraProblem(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return 'The browser may not use the camera: allow it beside the address, and try again';
    case 'NotFoundError':
      return 'There is no camera on this device';
    case 'NotReadableError':
      return 'The camera is in use by another program: close that one, and try again';
    default:
      return `The camera can't be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}
