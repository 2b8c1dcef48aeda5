import { drawDetections } from './drawing.ts';
import { byId, create } from './elements.ts';
import type { Source, State, Store } from './state.ts';

/** Shows the picture or video, with the boxes on a canvas over it. */
export function showStage(store: Store): void {
  const stage = byId('stage', HTMLElement);
  const hint = byId('hint', HTMLElement);
  const summary = byId('summary', HTMLElement);
  const boxes = create('canvas', { id: 'boxes', className: 'boxes', role: 'img' });

  store.watch(['source'], ({ source }) => {
    if (!source) return stage.replaceChildren(hint);
    const { width, height } = sizeOf(source);
    stage.style.setProperty('--ratio', String(width / height));
    stage.replaceChildren(mediumOf(source), boxes);
  });
  const draw = () => drawDetections(boxes, store.state.result);
  store.watch(['result', 'source'], (state) => {
    draw();
    summary.textContent = summarise(state);
    summary.ariaLive = state.source?.kind === 'picture' ? 'polite' : 'off';
    boxes.ariaLabel = summary.textContent;
  });
  new ResizeObserver(draw).observe(boxes);
}

function sizeOf({ kind, image }: Source): { width: number; height: number } {
  return kind === 'picture' ? image : { width: image.videoWidth, height: image.videoHeight };
}

function mediumOf({ kind, image }: Source): HTMLElement {
  if (kind !== 'picture') return image;
  const canvas = create('canvas', { width: image.width, height: image.height });
  canvas.getContext('2d')?.drawImage(image, 0, 0);
  return canvas;
}

function summarise({ source, result }: State): string {
  if (!source) return '';
  if (!result) return source.name;
  const { length } = result.detections;
  return `${length === 0 ? 'No objects' : length === 1 ? '1 object' : `${length} objects`} in ${source.name}`;
}
