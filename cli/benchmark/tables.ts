import { describeGap, type LayerReport, percent } from './layers.ts';
import type { NetworkReport } from './network.ts';

type Row = readonly (string | number)[];

/** Milliseconds of each engine, for a terminal: the head first. */
export function timesTable(reports: readonly NetworkReport[]): Row[] {
  const compared = reports.some(({ rival }) => rival);
  const started = reports.some(({ ours }) => ours.firstMs !== undefined);
  const head = [
    ...['network', 'precision', 'batch', 'dispatches', 'median', 'p90'],
    ...(started ? ['first'] : []),
    ...(compared ? ['rival median', 'rival p90'] : []),
    ...(compared && started ? ['rival first'] : []),
    ...(compared ? ['ratio', 'its spread'] : []),
    ...(compared && started ? ['first ratio'] : []),
  ];
  const rows = reports.map(({ network, precision, batch, dispatches, ours, rival, ...report }) => [
    ...[network, precision, batch, dispatches, ms(ours.medianMs), ms(ours.p90Ms)],
    ...(started ? [ms(ours.firstMs)] : []),
    ...(rival ? [ms(rival.medianMs), ms(rival.p90Ms)] : []),
    ...(rival && started ? [ms(rival.firstMs)] : []),
    ...(rival ? [times(report.ratio), spread(report.ratioSpread)] : []),
    ...(rival && started ? [times(report.firstRatio)] : []),
  ]);
  return [head, ...rows];
}

/** Where our time goes, milliseconds. */
export function stagesTable(reports: readonly NetworkReport[]): Row[] {
  return [
    ['network', 'upload', 'encode', 'GPU', 'readback', 'end to end'],
    ...reports.map(({ network, stages: { uploadMs, encodeMs, gpuMs, readbackMs, totalMs } }) => [
      network,
      ...[uploadMs, encodeMs, gpuMs, readbackMs, totalMs].map((value) => ms(value, 2)),
    ]),
  ];
}

export function layersTable(layers: readonly LayerReport[]): Row[] {
  return [
    ['node', 'kernel', 'shape', 'us', 'GFLOP/s', 'GB/s', 'of the roofline'],
    ...layers.map(({ node, kernel, shape, microseconds, gflopsPerSecond, gigabytesPerSecond, rooflineShare }) => [
      node,
      kernel,
      shape,
      microseconds.toFixed(1),
      gflopsPerSecond.toFixed(1),
      gigabytesPerSecond.toFixed(2),
      percent(rooflineShare),
    ]),
  ];
}

export interface Column<Report extends NetworkReport> {
  readonly head: string;
  cell(report: Report): string | number;
}

/** A row for each network, the head first. */
export function columnsTable<Report extends NetworkReport>(
  reports: readonly Report[],
  columns: readonly Column<Report>[],
): Row[] {
  return [
    ['network', ...columns.map(({ head }) => head)],
    ...reports.map((report) => [report.network, ...columns.map(({ cell }) => cell(report))]),
  ];
}

/** The short table, as the README has it: the head first. `more` columns come last. */
export function comparisonTable<Report extends NetworkReport>(
  reports: readonly Report[],
  more: readonly Column<Report>[] = [],
): Row[] {
  const compared = reports.some(({ rival }) => rival);
  const started = reports.some(({ ours }) => ours.firstMs !== undefined);
  return columnsTable(reports, [
    { head: 'forward pass, ms', cell: ({ ours }) => ms(ours.medianMs) },
    ...(compared ? RIVAL : []),
    ...(started ? [{ head: 'bytes to first result, ms', cell: ({ ours }: Report) => ms(ours.firstMs, 0) }] : []),
    ...(compared && started ? RIVAL_START : []),
    { head: 'dispatches', cell: ({ dispatches }) => dispatches },
    ...more,
  ]);
}

const RIVAL: readonly Column<NetworkReport>[] = [
  { head: 'ONNX Runtime, ms', cell: ({ rival }) => ms(rival?.medianMs) },
  {
    head: 'ratio (spread)',
    cell: ({ ratio, ratioSpread }) => (ratio ? `${times(ratio)} (${spread(ratioSpread)})` : ''),
  },
];

const RIVAL_START: readonly Column<NetworkReport>[] = [
  { head: 'ONNX Runtime, ms', cell: ({ rival }) => ms(rival?.firstMs, 0) },
  { head: 'ratio', cell: ({ firstRatio }) => times(firstRatio) },
];

/** What tables can't say: of which engine, device and limits the figures are. One paragraph or list each. */
export function remarks(reports: readonly NetworkReport[]): string[] {
  const [{ roofline }] = reports;
  const other = reports.flatMap(({ network, rival }) =>
    rival?.file === undefined ? [] : [{ network, file: rival.file }],
  );
  const split = reports.filter(({ batch, rival }) => rival && rival.imagesPerCall < batch);
  return [
    ...(roofline
      ? [
          `The device's roofline: ${(roofline.flopsPerSecond / 1e9).toFixed(0)} GFLOP/s, ` +
            `${(roofline.bytesPerSecond / 1e9).toFixed(1)} GB/s.`,
        ]
      : []),
    ...reports.flatMap(({ network, gap }) => (gap ? [`${network}: ${describeGap(gap)}.`] : [])),
    ...other.map(({ network, file }) => `${network}: ONNX Runtime ran ${file}.`),
    ...split.map(
      ({ network, batch, rival }) =>
        `${network}: the file is fixed to ${rival?.imagesPerCall} at a time, so ONNX Runtime ran it ${batch / (rival?.imagesPerCall ?? 1)} times for ${batch} images.`,
    ),
  ];
}

function ms(value: number | undefined, digits = 1): string {
  return value === undefined ? '' : value.toFixed(digits);
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '' : ratio.toFixed(2);
}

function spread(range: readonly [number, number] | undefined): string {
  return range === undefined ? '' : `${times(range[0])} to ${times(range[1])}`;
}
