import { describe, expect, it } from 'vitest';
import type { NetworkReport } from '../../../cli/benchmark/network.ts';
import { comparisonTable, remarks, stagesTable, timesTable } from '../../../cli/benchmark/tables.ts';
import { reportAdapter } from '../../../engine/runtime/device.ts';

const alone: NetworkReport = {
  network: 'small.onnx',
  precision: 'float32',
  adapter: reportAdapter({ description: 'a card' }),
  batch: 4,
  dispatches: 7,
  flops: 1e9,
  memory: { weights: 1e6, activations: 2e6, lowerBound: 2e6, unshared: 9e6 },
  ours: { firstMs: 100, medianMs: 10, p90Ms: 12 },
  stages: { uploadMs: 0.5, encodeMs: 0.25, readbackMs: 9, totalMs: 9.75 },
};

const compared: NetworkReport = {
  ...alone,
  rival: { firstMs: 400, medianMs: 50, p90Ms: 60, imagesPerCall: 1 },
  ratio: 5,
  ratioSpread: [4.5, 5.5],
  firstRatio: 4,
  roofline: { flopsPerSecond: 2e12, bytesPerSecond: 3e10 },
};

/** Rows as objects, by the head. */
function read([head, ...rows]: readonly (readonly (string | number)[])[]) {
  for (const row of rows) expect(row).toHaveLength(head.length);
  return rows.map((row) => row.join(' | '));
}

describe('tables', () => {
  it('have a column for each figure of a comparison', () => {
    expect(timesTable([compared])[0]).toContain('ratio');
    expect(read(timesTable([compared]))).toEqual([
      'small.onnx | float32 | 4 | 7 | 10.0 | 12.0 | 100.0 | 50.0 | 60.0 | 400.0 | 5.00 | 4.50 to 5.50 | 4.00',
    ]);
    expect(read(comparisonTable([compared]))).toEqual([
      'small.onnx | 10.0 | 50.0 | 5.00 (4.50 to 5.50) | 100 | 400 | 4.00 | 7',
    ]);
  });

  it('leave out the columns of what was not measured', () => {
    expect(read(timesTable([alone]))).toEqual(['small.onnx | float32 | 4 | 7 | 10.0 | 12.0 | 100.0']);
    const warm = { ...alone, ours: { medianMs: 10, p90Ms: 12 } };
    expect(read(timesTable([warm]))).toEqual(['small.onnx | float32 | 4 | 7 | 10.0 | 12.0']);
    expect(read(comparisonTable([warm]))).toEqual(['small.onnx | 10.0 | 7']);
    expect(read(stagesTable([alone]))).toEqual(['small.onnx | 0.50 | 0.25 |  | 9.00 | 9.75']);
  });

  it('take further columns', () => {
    const columns = [{ head: 'batch', cell: ({ batch }: NetworkReport) => batch }];
    expect(comparisonTable([alone], columns)[0].at(-1)).toBe('batch');
    expect(read(comparisonTable([alone], columns))).toEqual(['small.onnx | 10.0 | 100 | 7 | 4']);
  });
});

describe('remarks', () => {
  it('say what the device can do, and where the rival could not take the batch', () => {
    expect(remarks([alone])).toEqual([]);
    expect(remarks([compared])).toEqual([
      "The device's roofline: 2000 GFLOP/s, 30.0 GB/s.",
      'small.onnx: the file is fixed to 1 at a time, so ONNX Runtime ran it 4 times for 4 images.',
    ]);
  });
});
