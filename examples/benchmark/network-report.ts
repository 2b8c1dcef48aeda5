import { percent } from '../../cli/benchmark/layers.ts';
import type { NetworkReport } from '../../cli/benchmark/network.ts';
import { comparisonTable, remarks } from '../../cli/benchmark/tables.ts';

/** With what only networks that are detectors have. */
export interface DetectorReport extends NetworkReport {
  /** From the file's bytes to the boxes of the first picture, in a fresh process: milliseconds. */
  readonly firstBoxesMs?: number;
  /** What ONNX Runtime's process grew by, bytes: only where the GPU's memory is the processor's. */
  readonly rivalGrowth?: number;
}

/** The table of networks against ONNX Runtime, and what it can't say; `networks` makes it, and `gpu` of several runs. */
export function describeNetworks(reports: readonly DetectorReport[]) {
  const boxes = reports.some(({ firstBoxesMs }) => firstBoxesMs !== undefined);
  const grown = reports.some(({ rivalGrowth }) => rivalGrowth !== undefined);
  const columns = [
    ...(boxes ? [{ head: 'bytes to first boxes, ms', cell: firstBoxes }] : []),
    { head: 'GPU memory, MiB', cell: gpuMemory },
    ...(grown ? [{ head: "ONNX Runtime's growth, MiB", cell: growth }] : []),
    { head: 'activations over their bound', cell: overBound },
    { head: 'GPU time, ms', cell: ({ stages }: DetectorReport) => stages.gpuMs?.toFixed(2) ?? '' },
    { head: 'of the arithmetic roofline', cell: arithmetic },
  ];
  return { table: comparisonTable(reports, columns), remarks: reports.length > 0 ? remarks(reports) : [] };
}

function firstBoxes({ firstBoxesMs }: DetectorReport): string {
  return firstBoxesMs?.toFixed(0) ?? '';
}

/** Weights and activations. */
function gpuMemory({ memory }: DetectorReport): string {
  return mebibytes(memory.weights + memory.activations);
}

function growth({ rivalGrowth }: DetectorReport): string {
  return rivalGrowth === undefined ? '' : mebibytes(rivalGrowth);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function overBound({ memory }: DetectorReport): string {
  return (memory.activations / memory.lowerBound).toFixed(2);
}

function arithmetic({ arithmeticShare }: DetectorReport): string {
  return arithmeticShare === undefined ? '' : percent(arithmeticShare);
}
