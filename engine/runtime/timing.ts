import { type Dispatch, encodeDispatches } from './dispatch.ts';
import { BufferUsage, MapMode } from './webgpu-flags.ts';

/** Nanoseconds of each dispatch. */
export async function timeEach(
  device: GPUDevice,
  before: readonly Dispatch[],
  dispatches: readonly Dispatch[],
): Promise<number[]> {
  const count = dispatches.length * 2;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({ size: count * 8, usage: BufferUsage.queryResolve | BufferUsage.copySource });
  const readback = device.createBuffer({ size: count * 8, usage: BufferUsage.mapRead | BufferUsage.copyDestination });
  const encoder = device.createCommandEncoder();
  if (before.length > 0) {
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, before);
    pass.end();
  }
  dispatches.forEach((dispatch, index) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: index * 2, endOfPassWriteIndex: index * 2 + 1 },
    });
    encodeDispatches(pass, [dispatch]);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, readback, 0, count * 8);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(MapMode.read);
  const stamps = new BigUint64Array(readback.getMappedRange().slice(0));
  readback.destroy();
  resolved.destroy();
  querySet.destroy();
  return dispatches.map((_, index) => Number(stamps[index * 2 + 1] - stamps[index * 2]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
