import { type Roofline, ridgeIntensity } from 'onelook/lab';
import { byId } from '../../web/page/elements.ts';
import { figure, percent, withPrefix } from '../lab/figures.ts';
import { logTicks, plotScales, type RooflineScales, roofLine } from '../lab/plot-scale.ts';
import { type Entry, fastest } from '../lab/study.ts';
import { LIVE, type State, type Store } from './state.ts';

const WIDTH = 480;
const HEIGHT = 360;
const BOX = { left: 64, right: WIDTH - 14, top: 16, bottom: HEIGHT - 46 };
const LABEL_HEIGHT = 15;

/** The roofline plot: both roofs, the layer's kernels, and the best ones of layers that were measured before. */
export function showPlot(store: Store): void {
  const plot = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-labelledby': 'plot-caption' });
  byId('plot', HTMLElement).append(plot);
  const point = (name: string | undefined) => store.update({ pointedAt: name });
  store.watch(['roofline', 'entries', 'earlier', 'layer'], (state) => {
    plot.replaceChildren(...draw(state, point));
  });
  const caption = byId('plot-caption', HTMLElement);
  store.watch(['roofline', 'device'], ({ roofline, device }) => {
    caption.textContent = roofline
      ? `Roofs as measured on this device: ${withPrefix(roofline.flopsPerSecond, 'FLOP/s')} of multiply-adds, ${withPrefix(roofline.bytesPerSecond, 'B/s')} of copying. Rings: other layers, at their best.`
      : device && !device.features.timestamps
        ? 'The roofs can only be measured by timestamps, which this browser does not give.'
        : '';
  });
  const details = byId('plot-details', HTMLElement);
  store.watch(['pointedAt', 'entries'], ({ pointedAt, entries }) => {
    const entry = entries.get(pointedAt ?? '');
    details.hidden = !entry?.timing;
    details.textContent = entry ? detailsOf(entry) : '';
    for (const mark of plot.querySelectorAll<SVGElement>('[data-kernel]')) {
      mark.classList.toggle('pointed-at', mark.dataset.kernel === pointedAt);
    }
  });
}

function draw({ roofline, entries, earlier, layer }: State, point: (name: string | undefined) => void): SVGElement[] {
  const measured = [...entries.values()].filter((entry) => entry.point);
  const others = [...earlier].filter(([key]) => key !== layer?.key).map(([, entry]) => entry);
  const points = [...measured, ...others].flatMap((entry) => (entry.point ? [entry.point] : []));
  const scales = plotScales(roofline, points, BOX);
  return [
    ...axes(scales),
    ...(roofline ? roofs(roofline, scales) : []),
    ...others.map((entry) => ring(entry, scales)),
    ...kernelMarks(measured, scales, point),
  ];
}

function axes({ x, y }: RooflineScales): SVGElement[] {
  const middle = (BOX.top + BOX.bottom) / 2;
  return [
    ...logTicks(x).flatMap(({ value, at, isDecade }) => [
      svg('line', { x1: at, x2: at, y1: BOX.top, y2: BOX.bottom, class: isDecade ? 'grid decade' : 'grid' }),
      ...(isLabelled(value) ? [label(tickText(value), at, BOX.bottom + 16, 'middle')] : []),
    ]),
    ...logTicks(y).flatMap(({ value, at, isDecade }) => [
      svg('line', { x1: BOX.left, x2: BOX.right, y1: at, y2: at, class: isDecade ? 'grid decade' : 'grid' }),
      ...(isDecade || isLabelled(value) ? [label(tickText(value), BOX.left - 6, at + 4, 'end')] : []),
    ]),
    label('FLOP/byte', (BOX.left + BOX.right) / 2, HEIGHT - 8, 'middle', 'axis'),
    svg('text', { transform: `translate(12 ${middle}) rotate(-90)`, 'text-anchor': 'middle', class: 'axis' }, 'FLOP/s'),
  ];
}

/** 1, 2 and 5 of each power of ten. */
function isLabelled(value: number): boolean {
  return /^[125]/.test(value.toExponential());
}

/** Ticks are 1, 2 or 5 times a power of ten: without the zeros that a figure has. */
function tickText(value: number): string {
  return withPrefix(value, '')
    .replace(/\.0+(?=\D|$)/, '')
    .trim();
}

function roofs(roofline: Roofline, scales: RooflineScales): SVGElement[] {
  const line = roofLine(roofline, scales);
  const [x, y] = line[1];
  const ridge = ridgeIntensity(roofline);
  const text = `ridge ${figure(ridge)} FLOP/byte`;
  const isRight = x > (BOX.left + BOX.right) / 2;
  return [
    svg('polygon', { points: points([...line, [BOX.right, BOX.bottom], [line[0][0], BOX.bottom]]), class: 'under' }),
    svg('line', { x1: x, x2: x, y1: y, y2: BOX.bottom, class: 'ridge' }),
    svg('polyline', { points: points(line), class: 'roof' }),
    svg('circle', { cx: x, cy: y, r: 3, class: 'corner' }),
    label(text, isRight ? x - 8 : x + 6, BOX.bottom - 8, isRight ? 'end' : 'start', 'roof-label'),
    label(withPrefix(roofline.flopsPerSecond, 'FLOP/s'), BOX.right - 4, y - 6, 'end', 'roof-label'),
    memoryLabel(line, withPrefix(roofline.bytesPerSecond, 'B/s')),
  ];
}

/** Along the slope of the memory roof. */
function memoryLabel(line: readonly (readonly [number, number])[], text: string): SVGElement {
  const [[x1, y1], [x2, y2]] = line;
  const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
  const at = `translate(${x1 + (x2 - x1) * 0.5} ${y1 + (y2 - y1) * 0.5 - 7}) rotate(${angle})`;
  return svg('text', { transform: at, 'text-anchor': 'middle', class: 'roof-label' }, text);
}

function ring({ point }: Entry, { x, y }: RooflineScales): SVGElement {
  return svg('circle', { cx: x.at(point?.intensity ?? 1), cy: y.at(point?.flopsPerSecond ?? 1), r: 4, class: 'ring' });
}

/** A mark for each kernel, and its name beside it where there is room. */
function kernelMarks(
  entries: readonly Entry[],
  { x, y }: RooflineScales,
  pointAt: (name: string | undefined) => void,
): SVGElement[] {
  const best = fastest(entries);
  const placed = entries
    .map((entry) => ({ entry, cx: x.at(entry.point?.intensity ?? 1), cy: y.at(entry.point?.flopsPerSecond ?? 1) }))
    .sort((a, b) => a.cy - b.cy);
  const heights = spreadOut(placed.map(({ cy }) => cy));
  return placed.map(({ entry, cx, cy }, index) => {
    const { name, check } = entry;
    const toLeft = cx > BOX.left + (BOX.right - BOX.left) * 0.55;
    const side = toLeft ? -1 : 1;
    const kinds = [name === LIVE ? 'live' : '', entry === best ? 'best' : '', check?.correct ? '' : 'wrong'].join(' ');
    const mark = svg('g', { class: `kernel ${kinds}`, tabindex: 0, role: 'img', 'aria-label': detailsOf(entry) });
    mark.dataset.kernel = name;
    mark.append(
      svg('line', { x1: cx + side * 6, y1: cy, x2: cx + side * 18, y2: heights[index], class: 'leader' }),
      name === LIVE ? diamond(cx, cy) : svg('circle', { cx, cy, r: 5 }),
      label(name, cx + side * 21, heights[index] + 4, toLeft ? 'end' : 'start'),
    );
    mark.addEventListener('pointerenter', () => pointAt(name));
    mark.addEventListener('pointerleave', () => pointAt(undefined));
    mark.addEventListener('focus', () => pointAt(name));
    mark.addEventListener('blur', () => pointAt(undefined));
    return mark;
  });
}

/** Heights in their order, moved apart so that labels don't overlap. */
function spreadOut(heights: readonly number[]): number[] {
  const result: number[] = [];
  for (const height of heights)
    result.push(Math.max(height, (result.at(-1) ?? Number.NEGATIVE_INFINITY) + LABEL_HEIGHT));
  const excess = Math.max(0, (result.at(-1) ?? 0) - (BOX.bottom - 8));
  return result.map((height) => height - excess);
}

function diamond(x: number, y: number): SVGElement {
  return svg('polygon', {
    points: points([
      [x, y - 8],
      [x + 8, y],
      [x, y + 8],
      [x - 8, y],
    ]),
  });
}

function detailsOf({ name, timing, point, check }: Entry): string {
  if (!timing || !point) return name;
  return [
    `${name}: ${figure(timing.medianMs)} ms`,
    withPrefix(point.flopsPerSecond, 'FLOP/s'),
    withPrefix(point.bytesPerSecond, 'B/s'),
    ...(point.share === undefined ? [] : [`${percent(point.share)} of the roofline`]),
    ...(check?.correct ? [] : ['wrong']),
  ].join(', ');
}

function label(text: string, x: number, y: number, anchor: string, kind = 'tick'): SVGElement {
  return svg('text', { x, y, 'text-anchor': anchor, class: kind }, text);
}

function points(list: readonly (readonly [number, number])[]): string {
  return list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
}

function svg(tag: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}
