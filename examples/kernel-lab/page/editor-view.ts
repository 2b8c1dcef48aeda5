import { describeCheck, type TextProblem } from 'onelook/lab';
import { byId, create } from '../../web/page/elements.ts';
import { figure, percent } from '../lab/figures.ts';
import { tokensOf } from './highlight.ts';
import { type Attempt, LIVE, type State, type Store } from './state.ts';
import type { Workbench } from './workbench.ts';

const INDENT = '  ';

/** The live kernel: its text with line numbers and marks, what is wrong with it, and how it fared before. */
export function showEditor(store: Store, workbench: Workbench): void {
  const area = byId('wgsl', HTMLTextAreaElement);
  area.addEventListener('input', () => store.update({ text: area.value }));
  connectKeys(area, () => workbench.tryLive());
  store.watch(['text'], ({ text }) => {
    if (area.value !== text) area.value = text;
  });
  store.watch(['text', 'problems'], ({ text, problems }) => paint(text, problems));
  store.watch(['problems'], ({ problems }) => {
    byId('problems', HTMLElement).replaceChildren(...problems.map((problem) => problemItem(problem, area)));
  });
  store.watch(['entries'], ({ entries }) => {
    const verdict = byId('verdict', HTMLElement);
    const entry = entries.get(LIVE);
    verdict.textContent = entry ? verdictOf(entry) : '';
    verdict.classList.toggle('wrong', entry !== undefined && !entry.check?.correct);
  });
  store.watch(['attempts', 'layer'], (state) => {
    byId('attempts', HTMLElement).replaceChildren(...attemptItems(state, store));
  });
  connectBeginning(store, workbench);
  const button = byId('try', HTMLButtonElement);
  button.addEventListener('click', () => workbench.tryLive());
  store.watch(['running', 'candidates'], ({ candidates }) => {
    button.disabled = candidates.length === 0;
  });
}

/** Line numbers, colours and marks, under the text that is edited. */
function paint(text: string, problems: readonly TextProblem[]): void {
  const problemsOf = (index: number) => problems.filter(({ line }) => line === index + 1);
  const lines = text.split('\n');
  byId('gutter', HTMLElement).replaceChildren(
    ...lines.map((_, index) => {
      const own = problemsOf(index);
      const kind = own.some(({ severity }) => severity === 'error') ? 'error' : own.length > 0 ? 'warning' : '';
      return create('div', { className: kind }, String(index + 1));
    }),
  );
  byId('highlight', HTMLElement).replaceChildren(
    ...lines.map((line, index) => {
      const tokens = tokensOf(line).map(({ kind, text }) =>
        kind === 'plain' ? text : create('span', { className: `wgsl-${kind}` }, text),
      );
      return create('div', {}, ...tokens, ...problemsOf(index).map((problem) => underline(problem, line)));
    }),
  );
}

function underline({ severity, column, length }: TextProblem, line: string): HTMLElement {
  const start = column > 0 ? column - 1 : line.search(/\S|$/);
  const mark = create('span', { className: `mark ${severity}` });
  mark.style.left = `${start}ch`;
  mark.style.width = `${Math.max(1, column > 0 ? Math.min(length || 1, line.length - start) : line.length - start)}ch`;
  return mark;
}

function problemItem({ severity, line, column, message }: TextProblem, area: HTMLTextAreaElement): HTMLElement {
  const button = create('button', { type: 'button', className: severity });
  button.append(create('strong', {}, `Line ${line}`), ` ${message}`);
  button.addEventListener('click', () => goTo(area, line, column));
  return create('li', {}, button);
}

function goTo(area: HTMLTextAreaElement, line: number, column: number): void {
  const before = area.value.split('\n').slice(0, line - 1);
  const position = before.reduce((sum, text) => sum + text.length + 1, 0) + Math.max(0, column - 1);
  area.focus({ preventScroll: true });
  area.setSelectionRange(position, position);
  byId('gutter', HTMLElement).children[line - 1]?.scrollIntoView({ block: 'center' });
}

function verdictOf(entry: Attempt['entry']): string {
  if (!entry.check) return 'It does not compile.';
  const check = describeCheck(entry.check);
  return `${check[0].toUpperCase()}${check.slice(1)}.`;
}

function attemptItems({ attempts, layer }: State, store: Store): HTMLElement[] {
  return attempts
    .filter(({ key }) => key === layer?.key)
    .reverse()
    .map((attempt) => {
      const { number, text, entry, ratio } = attempt;
      const { timing, point, check } = entry;
      const button = create('button', { type: 'button', title: 'Go back to this text' });
      button.append(
        create('strong', {}, `${number}`),
        create('span', { className: 'number' }, timing ? `${figure(timing.medianMs)} ms` : '–'),
        create('span', { className: 'number' }, ratio === undefined ? '' : `${figure(ratio)} × as fast as built in`),
        create('span', { className: 'number' }, point?.share === undefined ? '' : percent(point.share)),
        create('span', { className: check?.correct ? 'right' : 'wrong' }, outcome(attempt)),
      );
      button.addEventListener('click', () => store.update({ text, problems: entry.problems }));
      return create('li', { value: number }, button);
    });
}

function outcome({ entry: { check } }: Attempt): string {
  if (!check) return '✗ does not compile';
  return check.correct ? '✓ right' : '✗ wrong';
}

function connectBeginning(store: Store, workbench: Workbench): void {
  const select = byId('begin-from', HTMLSelectElement);
  store.watch(['candidates'], ({ candidates }) => {
    select.replaceChildren(...candidates.map((name) => create('option', { value: name }, name)));
    select.disabled = candidates.length === 0;
  });
  store.watch(['begunFrom', 'candidates'], ({ begunFrom }) => {
    if (begunFrom) select.value = begunFrom;
  });
  select.addEventListener('change', () => workbench.begin(select.value));
}

/** Tab indents, but after Escape it moves on as elsewhere, so that the keyboard can leave the text. */
function connectKeys(area: HTMLTextAreaElement, tryLive: () => void): void {
  let leaves = false;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      tryLive();
    } else if (event.key === 'Tab' && !event.shiftKey && !leaves) {
      event.preventDefault();
      // Unlike setting the value, this can be undone.
      document.execCommand('insertText', false, INDENT);
    }
    leaves = event.key === 'Escape';
  });
}
