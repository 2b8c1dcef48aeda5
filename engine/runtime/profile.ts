import { DeviceUnavailableError } from '../errors.ts';
import type { Step } from '../plan/plan.ts';
import type { Dispatch } from './dispatch.ts';
import { measureRooflines, type Roofline, type Rooflines } from './roofline.ts';
import type { NetworkSession } from './session.ts';
import { median, timeEach } from './timing.ts';

export { timeStages } from './stages.ts';

/** What one dispatch took. */
export interface KernelProfile {
  /** The graph node that asked for it, and its operator. */
  readonly node: string;
  readonly operator: string;
  /** Kernel family and variant. */
  readonly kernel: string;
  readonly workgroups: readonly [number, number, number];
  /** GPU time, the median of the runs. */
  readonly microseconds: number;
  /** Multiply and add count as two. */
  readonly flops: number;
  /** Bytes read and written at least once. */
  readonly bytes: number;
  /** The most that this device can do in the precision of the kernel's tensors. */
  readonly roofline: Roofline;
  /** The time that arithmetic or memory needs at least on this device, over the time it took: 0..1. */
  readonly rooflineShare: number;
}

/** WebGPU's limit on the entries of a query set. */
const MAX_QUERIES = 4096;

/**
 * Times every dispatch of a session by timestamps, which exist at the borders of passes only: each dispatch gets a pass
 * of its own, so the sum exceeds what the network takes in one pass.
 */
export async function profileDispatches(
  session: NetworkSession,
  before: readonly Dispatch[],
  repeats: number,
): Promise<KernelProfile[]> {
  const { device } = session.device;
  if (!session.device.features.timestamps) {
    throw new DeviceUnavailableError('profiling needs timestamp queries, which this device does not have');
  }
  const { steps } = session.plan;
  const samples = steps.map((): number[] => []);
  const perBatch = MAX_QUERIES / 2;
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let first = 0; first < steps.length; first += perBatch) {
      const batch = session.dispatches.slice(first, first + perBatch);
      const times = await timeEach(device, first === 0 ? before : [], batch);
      times.forEach((time, index) => {
        samples[first + index].push(time);
      });
    }
  }
  const rooflines = await measureRooflines(session.device, session.cache);
  return steps.map((step, index): KernelProfile => {
    const roofline = rooflineOf(step, rooflines);
    const microseconds = median(samples[index]) / 1000;
    const least = Math.max(step.flops / roofline.flopsPerSecond, step.bytes / roofline.bytesPerSecond) * 1e6;
    return {
      node: step.node,
      operator: step.operator,
      kernel: step.kernel.label,
      workgroups: step.kernel.workgroups,
      microseconds,
      flops: step.flops,
      bytes: step.bytes,
      roofline,
      rooflineShare: microseconds > 0 ? Math.min(1, least / microseconds) : 0,
    };
  });
}

/** What is written as float16 could be computed in it. */
function rooflineOf({ kernel }: Step, { float32, float16 }: Rooflines): Roofline {
  const half = kernel.bindings.some(({ access, element }) => access === 'write' && element === 'f16');
  return half ? (float16 ?? float32) : float32;
}
