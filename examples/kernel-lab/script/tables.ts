import {
  describeCheck,
  type LabLayer,
  type NetworkLayer,
  type Roofline,
  ridgeIntensity,
  type TextProblem,
} from 'onelook/lab';
import { figure, percent, spread, withPrefix } from '../lab/figures.ts';
import { type Entry, fastest, medianOf } from '../lab/study.ts';

/** Columns aligned by their widest cell; those of numbers, which are given as such, to the right. */
export function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (right.has(c) ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

export function layerTable(layers: readonly NetworkLayer[]): string {
  const rows = layers.map(({ text, count, flops, bytes, flopShare, chosen }, index) => [
    String(index + 1),
    text,
    `x${count}`,
    percent(flopShare),
    figure(flops / 1e6),
    figure(flops / bytes),
    chosen,
  ]);
  return columns([['', 'layer', 'count', 'FLOPs', 'MFLOP', 'FLOP/byte', 'kernel'], ...rows], new Set([0, 2, 3, 4, 5]));
}

export function kernelTable(entries: readonly Entry[]): string {
  const best = fastest(entries);
  const busy = entries.some(({ timing }) => timing?.busyMs !== undefined);
  const rows = entries.map((entry) => {
    const { name, live, timing, point, check } = entry;
    const rest = check ? (check.correct ? 'right' : 'WRONG') : 'does not compile';
    const label = `${entry === best ? '*' : ' '} ${name}${live ? ' (yours)' : ''}`;
    if (!timing || !point) return [label, '', '', '', '', '', '', ...(busy ? ['', ''] : []), '', rest];
    return [
      label,
      figure(timing.medianMs),
      spread(timing.medianMs, timing.quartilesMs),
      figure(medianOf(entry) / medianOf(best)),
      figure(point.flopsPerSecond / 1e9),
      figure(point.bytesPerSecond / 1e9),
      point.share === undefined ? '?' : percent(point.share),
      ...(busy ? [figure(timing.busyMs ?? 0), figure(timing.firstBusyMs ?? 0)] : []),
      figure((entry.compileMs ?? 0) + timing.firstMs),
      rest,
    ];
  });
  const head = [
    ...['  kernel', 'ms', 'spread', 'x best', 'GFLOP/s', 'GB/s', 'roofline'],
    ...(busy ? ['busy ms', 'first busy'] : []),
    ...['first ms', 'check'],
  ];
  return columns([head, ...rows], new Set(head.slice(1, -1).map((_, index) => index + 1)));
}

export function layerLines({ text, key, flops, bytes }: LabLayer, roofline: Roofline | undefined): string {
  const intensity = flops / bytes;
  const bound = roofline && (intensity < ridgeIntensity(roofline) ? 'memory' : 'arithmetic');
  const limit = bound ? `: ${bound} is its limit` : '';
  return [
    text,
    `  key        ${key}`,
    `  work       ${withPrefix(flops, 'FLOP')}, ${withPrefix(bytes, 'B')}, ${figure(intensity)} FLOP/byte${limit}`,
  ].join('\n');
}

export function rooflineLine(roofline: Roofline | undefined): string {
  if (!roofline) return 'no roofline: the device has no timestamps to measure it with';
  const { flopsPerSecond, bytesPerSecond } = roofline;
  const roofs = `${withPrefix(flopsPerSecond, 'FLOP/s')} of multiply-adds, ${withPrefix(bytesPerSecond, 'B/s')} of copying`;
  return `roofline: ${roofs}, which meet at ${figure(ridgeIntensity(roofline))} FLOP/byte`;
}

/** What is wrong with the entries, and what the compiler says about the text of a file. */
export function remarks(entries: readonly Entry[], file: string | undefined): string[] {
  return entries.flatMap(({ name, check, problems }) => [
    ...(check && !check.correct ? [`  ${name}: ${describeCheck(check)}`] : []),
    ...problems.map((problem) => `  ${problemLine(problem, file ?? name)}`),
  ]);
}

/** FILE:LINE:COLUMN, which editors open. */
export function problemLine({ severity, line, column, message }: TextProblem, file: string): string {
  return `${file}:${line}${column > 0 ? `:${column}` : ''}: ${severity}: ${message}`;
}
