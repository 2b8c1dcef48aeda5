import { describeGap, type LayerReport, percent } from './layers.ts';
import type { NetworkReport } from './network.ts';

type Row = readonly (string | number)[];

/** Milliseconds of each engine, the head first. */
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

/** A column to add to `comparisonTable`. */
export interface Column {
  readonly head: string;
  cell(report: NetworkReport): string | number;
}

/** The short table, as the README has it: the head first. */
export function comparisonTable(reports: readonly NetworkReport[], columns: readonly Column[] = []): Row[] {
  const compared = reports.some(({ rival }) => rival);
  const started = reports.some(({ ours }) => ours.firstMs !== undefined);
  const versus = compared ? ['ONNX Runtime, ms', 'ratio (spread)'] : [];
  const head = [
    ...['network', 'forward pass, ms', ...versus],
    ...(started ? ['bytes to first result, ms', ...(compared ? ['ONNX Runtime, ms', 'ratio'] : [])] : []),
    ...['dispatches', ...columns.map((column) => column.head)],
  ];
  const rows = reports.map((report) => {
    const { network, ours, rival, ratio, ratioSpread, firstRatio, dispatches } = report;
    return [
      ...[network, ms(ours.medianMs)],
      ...(compared ? [ms(rival?.medianMs), ratio ? `${times(ratio)} (${spread(ratioSpread)})` : ''] : []),
      ...(started ? [ms(ours.firstMs), ...(compared ? [ms(rival?.firstMs), times(firstRatio)] : [])] : []),
      ...[dispatches, ...columns.map((column) => column.cell(report))],
    ];
  });
  return [head, ...rows];
}

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
