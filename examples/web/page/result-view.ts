import type { Detection } from 'onelook';
import { colourOf } from './drawing.ts';
import { byId, create } from './elements.ts';
import type { State, Store } from './state.ts';
import { FrameMeter, type MeterReading, type TimeRow, timeRows } from './times.ts';

/** Lists the objects as text, and what each stage took. */
export function showResult(store: Store): void {
  const objects = byId('objects', HTMLElement);
  const times = byId('times', HTMLElement);
  let meter = new FrameMeter();
  store.watch(['source', 'network'], () => {
    meter = new FrameMeter();
  });
  store.watch(['result'], ({ result, source }) => {
    objects.replaceChildren(...(result?.detections ?? []).map(objectItem));
    if (!result || !source) return times.replaceChildren();
    if (source.kind === 'picture') {
      times.replaceChildren(...timeRows(result.timings, source.decodeMilliseconds).map(timeLine));
      return;
    }
    const reading = meter.add(result.timings, performance.now());
    if (reading) times.replaceChildren(...readingLines(reading));
  });
}

/** Says what went wrong. */
export function showError(store: Store): void {
  const banner = byId('error', HTMLElement);
  const text = byId('error-text', HTMLElement);
  store.watch(['error'], ({ error }: State) => {
    banner.hidden = error === undefined;
    text.textContent = error ?? '';
  });
  byId('error-dismiss', HTMLButtonElement).addEventListener('click', () => store.update({ error: undefined }));
}

function objectItem({ label, score, classId, box }: Detection): HTMLElement {
  const [x1, y1, x2, y2] = box.map(Math.round);
  const swatch = create('span', { className: 'swatch', ariaHidden: 'true' });
  swatch.style.background = colourOf(classId);
  return create(
    'li',
    { title: `x ${x1} to ${x2}, y ${y1} to ${y2}` },
    swatch,
    create('span', { className: 'label' }, label),
    create('span', { className: 'number' }, `${(score * 100).toFixed(1)} %`),
  );
}

function readingLines({ framesPerSecond, timings }: MeterReading): HTMLElement[] {
  const rate = create(
    'tr',
    { className: 'total' },
    create('th', { scope: 'row' }, 'Frames per second'),
    create('td', { id: 'frame-rate' }, framesPerSecond.toFixed(1)),
  );
  return [rate, ...timeRows(timings, undefined).map(timeLine)];
}

function timeLine({ stage, what, milliseconds, isPart }: TimeRow): HTMLElement {
  return create(
    'tr',
    { className: stage === 'Total' ? 'total' : isPart ? 'part' : '' },
    create('th', { scope: 'row' }, stage, create('small', {}, what)),
    create('td', {}, `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`),
  );
}
