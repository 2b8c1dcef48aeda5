import { describeCheck } from 'onelook/lab';
import { byId, create } from '../../web/page/elements.ts';
import { figure, percent, spread } from '../lab/figures.ts';
import { type Entry, fastest, medianOf } from '../lab/study.ts';
import { LIVE, type State, type Store } from './state.ts';
import type { Workbench } from './workbench.ts';

/** The table of kernels: time, speed, share of the roofline, and whether they are right. */
export function showKernels(store: Store, workbench: Workbench): void {
  const body = byId('kernels', HTMLTableElement).tBodies[0];
  const remarks = byId('remarks', HTMLElement);
  store.watch(['entries', 'candidates', 'pins', 'layer'], (state) => {
    const { entries, candidates } = state;
    const best = fastest([...entries.values()]);
    const names = [...candidates, ...(entries.has(LIVE) ? [LIVE] : [])];
    // Focus must not be lost while figures arrive.
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.action : undefined;
    body.replaceChildren(...names.map((name) => kernelRow(name, entries.get(name), best, state, store, workbench)));
    if (focused) body.querySelector<HTMLElement>(`[data-action="${CSS.escape(focused)}"]`)?.focus();
    const wrong = [...entries.values()].filter(({ check, live }) => check && !check.correct && !live);
    remarks.replaceChildren(
      ...wrong.map(({ name, check }) => create('li', {}, `${name}: ${check ? describeCheck(check) : ''}`)),
    );
  });
  store.watch(['pointedAt'], ({ pointedAt }) => {
    for (const row of body.rows) row.classList.toggle('pointed-at', row.dataset.kernel === pointedAt);
  });
  store.watch(['running'], ({ running }) => {
    byId('status', HTMLElement).textContent = running ?? '';
    byId('stop', HTMLButtonElement).hidden = running === undefined;
  });
  store.watch(['running', 'candidates'], ({ running, candidates }) => {
    byId('measure', HTMLButtonElement).disabled = running !== undefined || candidates.length === 0;
  });
  byId('measure', HTMLButtonElement).addEventListener('click', () => workbench.measure());
  byId('stop', HTMLButtonElement).addEventListener('click', () => workbench.stop());
}

function kernelRow(
  name: string,
  entry: Entry | undefined,
  best: Entry | undefined,
  { layer, pins }: State,
  store: Store,
  workbench: Workbench,
): HTMLTableRowElement {
  const timing = entry?.timing;
  const point = entry?.point;
  const share = point?.share;
  const isBest = entry !== undefined && entry === best;
  const cell = (text: string, title = '') => create('td', { className: 'number', title }, text);
  const bar = create('span', { className: 'bar' });
  bar.style.setProperty('--share', String(Math.min(1, share ?? 0)));
  const times = timing
    ? `median of ${timing.samples} × ${timing.repeats} by ${timing.clock === 'wall' ? 'the wall clock' : 'timestamps'}, ${spread(timing.medianMs, timing.quartilesMs)}; first ${figure(timing.firstMs + (entry?.compileMs ?? 0))} ms`
    : '';
  const row = create(
    'tr',
    { className: [isBest ? 'best' : '', name === LIVE ? 'live' : ''].join(' ') },
    create('th', { scope: 'row', title: entry?.workgroups ? `workgroups ${entry.workgroups}` : '' }, name),
    create(
      'td',
      { className: 'number', title: times },
      timing ? figure(timing.medianMs) : '',
      create('small', {}, timing && best ? (isBest ? 'fastest' : `${figure(medianOf(entry) / medianOf(best))} ×`) : ''),
    ),
    cell(point ? figure(point.flopsPerSecond / 1e9) : ''),
    cell(point ? figure(point.bytesPerSecond / 1e9) : ''),
    create('td', { className: 'number share' }, share === undefined ? (point ? '?' : '') : percent(share), bar),
    checkCell(entry),
    create('td', { className: 'actions' }, ...(name === LIVE ? [] : [editButton(name, workbench), pinButton()])),
  );
  row.dataset.kernel = name;
  row.addEventListener('pointerenter', () => store.update({ pointedAt: name }));
  row.addEventListener('pointerleave', () => store.update({ pointedAt: undefined }));
  return row;

  function pinButton(): HTMLButtonElement {
    const isPinned = layer !== undefined && pins[layer.key] === name;
    const button = create('button', { type: 'button', ariaPressed: String(isPinned), title: `Pin ${name}` }, 'Pin');
    button.dataset.action = `pin ${name}`;
    button.disabled = !entry?.check?.correct;
    button.addEventListener('click', () => {
      if (layer) store.update({ pins: isPinned ? without(pins, layer.key) : { ...pins, [layer.key]: name } });
    });
    return button;
  }
}

function checkCell(entry: Entry | undefined): HTMLElement {
  if (!entry) return create('td');
  const { check, problems } = entry;
  if (!check) {
    const failed = problems.some(({ severity }) => severity === 'error');
    return create('td', { className: 'wrong' }, failed ? '✗ compile error' : '');
  }
  const title = describeCheck(check);
  return create('td', { className: check.correct ? 'right' : 'wrong', title }, check.correct ? '✓ right' : '✗ wrong');
}

function editButton(name: string, workbench: Workbench): HTMLButtonElement {
  const button = create('button', { type: 'button', title: `Begin your kernel from ${name}` }, 'Edit');
  button.dataset.action = `edit ${name}`;
  button.addEventListener('click', () => {
    workbench.begin(name);
    byId('wgsl', HTMLTextAreaElement).focus();
  });
  return button;
}

function without(pins: State['pins'], key: string): State['pins'] {
  return Object.fromEntries(Object.entries(pins).filter(([each]) => each !== key));
}
