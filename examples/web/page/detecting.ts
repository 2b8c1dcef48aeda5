import { AbortError } from 'onelook';
import { Latch } from './latch.ts';
import { sentence } from './messages.ts';
import type { Source, Store } from './state.ts';

/**
 * Looks at the source whenever there is something new to see: another source, network or threshold, or the next frame of a
 * video. What comes while the network is busy is looked at once it is free again, and only its latest state.
 */
export async function keepDetecting(store: Store): Promise<never> {
  const news = new Latch();
  store.watch(['network', 'scoreThreshold', 'iouThreshold'], () => news.set());
  store.watch(['source'], ({ source }) => {
    news.set();
    if (source && source.kind !== 'picture') everyFrame(source.image, () => news.set());
  });
  for (;;) {
    await news.wait();
    await detectOnce(store);
  }
}

async function detectOnce(store: Store): Promise<void> {
  const { network, source, scoreThreshold, iouThreshold } = store.state;
  if (!network || !source || !hasFrame(source)) return;
  const isCurrent = () => store.state.source === source && store.state.network === network;
  try {
    const result = await network.detector.detect(source.image, { scoreThreshold, iouThreshold });
    if (isCurrent()) store.update({ result });
  } catch (error) {
    if (isCurrent() && !(error instanceof AbortError)) store.update({ result: undefined, error: sentence(error) });
  }
}

/** A video has none while it seeks, as when it begins again. */
function hasFrame({ kind, image }: Source): boolean {
  return kind === 'picture' || image.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
}

/** Calls back for every frame that the video shows, until its source is taken away. */
function everyFrame(video: HTMLVideoElement, callback: () => void): void {
  video.requestVideoFrameCallback(() => {
    callback();
    everyFrame(video, callback);
  });
}
