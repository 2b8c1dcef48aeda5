import { percent } from '../../cli/benchmark/layers.ts';
import type { NetworkReport } from '../../cli/benchmark/network.ts';
import { type Column, columnsTable, comparisonTable, remarks } from '../../cli/benchmark/tables.ts';

/** With what only networks that are detectors have. */
export interface DetectorReport extends NetworkReport {
  /** From the file's bytes to the boxes of the first picture, in a fresh process: milliseconds. */
  readonly firstBoxesMs?: number;
  /** What ONNX Runtime's process grew by, bytes: only where the GPU's memory is the processor's. */
  readonly rivalGrowth?: number;
}

/** A column that is left out where no network has a value. */
interface Figure {
  readonly head: string;
  value(report: DetectorReport): number | undefined;
  write(value: number): string;
}

const SPEED: readonly Figure[] = [
  { head: 'bytes to first boxes, ms', value: ({ firstBoxesMs }) => firstBoxesMs, write: digits(0) },
  {
    head: 'ratio',
    value: ({ firstBoxesMs, rival }) => firstBoxesMs && rival?.firstMs && rival.firstMs / firstBoxesMs,
    write: digits(2),
  },
];

const RESOURCES: readonly Figure[] = [
  { head: 'GPU memory, MiB', value: (report) => gpuMemory(report) / 2 ** 20, write: digits(1) },
  { head: "of ONNX Runtime's growth", value: ofGrowth, write: percent },
  {
    head: 'activations over their bound',
    value: ({ memory }) => memory.activations / memory.lowerBound,
    write: digits(2),
  },
  { head: 'GPU time, ms', value: ({ stages }) => stages.gpuMs, write: digits(2) },
  { head: 'of the arithmetic roofline', value: ({ arithmeticShare }) => arithmeticShare, write: percent },
  { head: 'gap to the roofline', value: ({ gap }) => gap?.share, write: percent },
];

/** The tables of networks against ONNX Runtime, and what they can't say; `networks` makes them, and `gpu` of several runs. */
export function describeNetworks(reports: readonly DetectorReport[]) {
  if (reports.length === 0) return { tables: [], remarks: [] };
  const columns = (figures: readonly Figure[]) => figures.flatMap((figure) => columnOf(figure, reports));
  return {
    tables: [comparisonTable(reports, columns(SPEED)), columnsTable(reports, columns(RESOURCES))],
    remarks: remarks(reports),
  };
}

function columnOf({ head, value, write }: Figure, reports: readonly DetectorReport[]): Column<DetectorReport>[] {
  if (reports.every((report) => value(report) === undefined)) return [];
  const cell = (report: DetectorReport) => {
    const known = value(report);
    return known === undefined ? '' : write(known);
  };
  return [{ head, cell }];
}

function gpuMemory({ memory }: DetectorReport): number {
  return memory.weights + memory.activations;
}

function ofGrowth(report: DetectorReport): number | undefined {
  return report.rivalGrowth && gpuMemory(report) / report.rivalGrowth;
}

function digits(count: number): (value: number) => string {
  return (value) => value.toFixed(count);
}
