import type { KernelChoices } from '../../shaders/conv-candidate.ts';
import type { TensorView } from '../../shaders/kernel.ts';
import type { Graph } from '../graph/types.ts';
import { assignPrecision, type FloatPrecision } from '../passes/assign-precision.ts';
import { compilePlan } from '../plan/compile.ts';
import { rulesFor } from '../plan/lowering-rules.ts';
import { type DeviceProfile, planSwitches } from '../plan/options.ts';
import type { Plan, PlanTensor } from '../plan/plan.ts';
import type { EngineDevice } from './device.ts';
import {
  type BufferSlice,
  type Dispatch,
  encodeDispatches,
  type PipelineCache,
  prepareDispatches,
} from './dispatch.ts';
import { BufferUsage } from './webgpu-flags.ts';

/** A tensor of the network's border in device memory. */
export interface BoundTensor {
  readonly slice: BufferSlice;
  /** Offsets and strides in elements, from the start of the slice. */
  readonly view: TensorView;
}

export interface SessionOptions {
  readonly precision: FloatPrecision;
  /** Names of planner optimisations to leave out, see `PLAN_SWITCHES`. */
  readonly disable?: readonly string[];
  /** Kernels for convolutions; without it, what is best where nothing was measured. */
  readonly kernels?: KernelChoices;
  /** Sees the plan before anything is made for it; where it chooses other kernels, the plan is compiled again. */
  readonly choose?: (plan: Plan) => Promise<KernelChoices | undefined>;
  readonly onProgress?: (ready: number, total: number) => void;
}

/** A network on a device: weights uploaded, pipelines compiled, every buffer and bind group made. */
export interface NetworkSession {
  readonly device: EngineDevice;
  readonly cache: PipelineCache;
  readonly plan: Plan;
  readonly inputs: ReadonlyMap<string, BoundTensor>;
  readonly outputs: ReadonlyMap<string, BoundTensor>;
  readonly dispatches: readonly Dispatch[];
  /** Encodes the whole network into an open pass; creates no GPU object. */
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

const STORAGE_COPY = BufferUsage.storage | BufferUsage.copyDestination | BufferUsage.copySource;

export function deviceProfile({ device, features, adapter }: EngineDevice): DeviceProfile {
  const { limits } = device;
  return {
    float16: features.float16,
    smallestSubgroup: features.subgroups ? (adapter.subgroupSize?.[0] ?? 0) : 0,
    software: adapter.software,
    maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
  };
}

/** Compiles a graph for a device: plan, buffers, weights, pipelines. Pipelines compile while weights are uploaded. */
export async function createSession(
  graph: Graph,
  device: EngineDevice,
  cache: PipelineCache,
  options: SessionOptions,
): Promise<NetworkSession> {
  const precision = assignPrecision(graph, options.precision);
  const switches = planSwitches(options.disable);
  const rules = await rulesFor(graph);
  const compile = (kernels?: KernelChoices) =>
    compilePlan(graph, precision, deviceProfile(device), switches, kernels, rules);
  let plan = compile(options.kernels);
  const better = await options.choose?.(plan);
  if (better) plan = compile(better);
  const gpu = device.device;
  const pools = plan.pools.map((size, index) =>
    gpu.createBuffer({ label: `activations ${index}`, size, usage: STORAGE_COPY }),
  );
  const weights =
    plan.weightBytes > 0
      ? gpu.createBuffer({ label: 'weights', size: plan.weightBytes, usage: STORAGE_COPY })
      : undefined;
  const slices = plan.allocations.map(({ place, bytes }): BufferSlice => {
    const buffer = place.pool === 'weights' ? weights : pools[place.pool];
    return { buffer: buffer as GPUBuffer, offset: place.offset, size: bytes };
  });
  const preparing = prepareDispatches(
    cache,
    plan.steps.map((step) => ({ kernel: step.kernel, buffers: step.tensors.map((allocation) => slices[allocation]) })),
    { specialize: !switches['shared-pipelines'], onProgress: options.onProgress },
  );
  uploadWeights(gpu, plan, slices);
  const { dispatches, parameterBuffer } = await preparing;
  const bind = (tensors: readonly PlanTensor[]) =>
    new Map(tensors.map((tensor) => [tensor.name, { slice: slices[tensor.allocation], view: tensor.view }]));
  return {
    device,
    cache,
    plan,
    inputs: bind(plan.inputs),
    outputs: bind(plan.outputs),
    dispatches,
    encode: (pass) => encodeDispatches(pass, dispatches),
    dispose: () => {
      for (const buffer of [...pools, weights, parameterBuffer]) buffer?.destroy();
    },
  };
}

function uploadWeights(device: GPUDevice, plan: Plan, slices: readonly BufferSlice[]): void {
  plan.allocations.forEach(({ contents }, index) => {
    if (!contents) return;
    device.queue.writeBuffer(slices[index].buffer, slices[index].offset, contents());
  });
}
