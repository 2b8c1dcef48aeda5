import { describe, expect, it } from 'vitest';
import { FrameMeter, timeRows } from '../../../examples/web/page/times.ts';

const frame = { upload: 1, encode: 2, readback: 10, total: 17 };

describe('the rows of times', () => {
  it('add up to the total, with what no stage took as waiting', () => {
    const rows = timeRows({ ...frame, gpu: 8 }, 5);
    expect(rows.map(({ stage, milliseconds }) => [stage, milliseconds])).toEqual([
      ['Decode', 5],
      ['Wait', 4],
      ['Upload', 1],
      ['Encode', 2],
      ['Run and read back', 10],
      ['on the GPU', 8],
      ['Total', 17],
    ]);
  });

  it('leave out what is not known', () => {
    const stages = timeRows(frame, undefined).map(({ stage }) => stage);
    expect(stages).toEqual(['Wait', 'Upload', 'Encode', 'Run and read back', 'Total']);
  });
});

describe('the frame meter', () => {
  it('counts frames from the first one on, and takes means', () => {
    const meter = new FrameMeter(500);
    expect(meter.add(frame, 1000)).toBeUndefined();
    expect(meter.add({ ...frame, upload: 3 }, 1250)).toBeUndefined();
    expect(meter.add({ ...frame, upload: 5 }, 1500)).toEqual({ framesPerSecond: 4, timings: { ...frame, upload: 4 } });
    expect(meter.add({ ...frame, gpu: 6 }, 2500)).toEqual({ framesPerSecond: 1, timings: { ...frame, gpu: 6 } });
  });

  it('gives a mean of the GPU only where every frame has it', () => {
    const meter = new FrameMeter(100);
    meter.add(frame, 0);
    meter.add({ ...frame, gpu: 6 }, 50);
    expect(meter.add(frame, 100)?.timings).toEqual(frame);
  });
});
