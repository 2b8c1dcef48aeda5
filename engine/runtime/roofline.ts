import type { Kernel } from '../../shaders/kernel.ts';
import { type PipelineCache, prepareDispatches } from './dispatch.ts';
import { timeEach } from './timing.ts';
import { BufferUsage } from './webgpu-flags.ts';

/** What the device can do at best, as measured on it. */
export interface Roofline {
  /** float32 multiply-adds, counted as two. */
  readonly flopsPerSecond: number;
  /** Bytes read plus bytes written by a copy that exceeds the caches. */
  readonly bytesPerSecond: number;
}

const COPY_BYTES = 32 * 2 ** 20;
const FMA_INVOCATIONS = 65536;
const FMA_STEPS = 256;
const measured = new WeakMap<GPUDevice, Promise<Roofline>>();

/** Measures a device once, by a copy and by a kernel of nothing but multiply-adds; the best of three runs each. */
export function measureRoofline(cache: PipelineCache): Promise<Roofline> {
  let result = measured.get(cache.device);
  if (!result) {
    result = measure(cache);
    measured.set(cache.device, result);
  }
  return result;
}

async function measure(cache: PipelineCache): Promise<Roofline> {
  const { device } = cache;
  const buffers = [0, 1].map(() => {
    const buffer = device.createBuffer({ size: COPY_BYTES, usage: BufferUsage.storage });
    return { buffer, offset: 0, size: COPY_BYTES };
  });
  const { dispatches } = await prepareDispatches(cache, [
    { kernel: copyKernel(), buffers },
    { kernel: multiplyAddKernel(), buffers: [buffers[1]] },
  ]);
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let run = 0; run < 3; run++) {
    (await timeEach(device, [], dispatches)).forEach((time, index) => {
      best[index] = Math.min(best[index], Math.max(time, 1));
    });
  }
  for (const { buffer } of buffers) buffer.destroy();
  return {
    bytesPerSecond: (2 * COPY_BYTES * 1e9) / best[0],
    flopsPerSecond: (FMA_INVOCATIONS * FMA_STEPS * FMA_CHAINS * 4 * 2 * 1e9) / best[1],
  };
}

function copyKernel(): Kernel {
  return {
    label: 'roofline copy',
    bindings: [
      { name: 'source', element: 'f32', vector: 4, access: 'read' },
      { name: 'destination', element: 'f32', vector: 4, access: 'write' },
    ],
    parameters: [],
    workgroupSize: [256, 1, 1],
    workgroups: [COPY_BYTES / 16 / 256, 1, 1],
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  destination[id.x] = source[id.x];
}`,
  };
}

/** Independent accumulators, so that the latency of one multiply-add hides behind the others. */
const FMA_CHAINS = 8;

function multiplyAddKernel(): Kernel {
  const chains = Array.from({ length: FMA_CHAINS }, (_, index) => `a${index}`);
  return {
    label: 'roofline multiply-add',
    bindings: [{ name: 'result', element: 'f32', vector: 4, access: 'write' }],
    parameters: [],
    workgroupSize: [64, 1, 1],
    workgroups: [FMA_INVOCATIONS / 64, 1, 1],
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = vec4<f32>(f32(id.x) * 1e-9 + 0.999);
  let y = vec4<f32>(1e-3);
${chains.map((chain, index) => `  var ${chain} = vec4<f32>(${index}.0);`).join('\n')}
  for (var step = 0u; step < ${FMA_STEPS}u; step++) {
${chains.map((chain) => `    ${chain} = fma(${chain}, x, y);`).join('\n')}
  }
  result[id.x] = ${chains.join(' + ')};
}`,
  };
}
