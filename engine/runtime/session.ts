import type { KernelChoices } from '../../shaders/conv-candidate.ts';
import type { TensorView } from '../../shaders/kernel.ts';
import type { ConvolutionRanking } from '../../shaders/kernel-device.ts';
import { OutOfMemoryError } from '../errors.ts';
import type { Graph } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';
import { assignPrecision, type FloatPrecision } from '../passes/assign-precision.ts';
import { compilePlan } from '../plan/compile.ts';
import { rulesFor } from '../plan/lowering-rules.ts';
import { alignBytes } from '../plan/memory.ts';
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
  /** Weights that are in device memory already, by the number of their allocation: they are read there. */
  readonly borrow?: (plan: Plan) => ReadonlyMap<number, BufferSlice>;
}

/** A network on a device: weights uploaded, pipelines compiled, every buffer and bind group made. */
export interface NetworkSession {
  readonly device: EngineDevice;
  readonly cache: PipelineCache;
  readonly plan: Plan;
  readonly inputs: ReadonlyMap<string, BoundTensor>;
  readonly outputs: ReadonlyMap<string, BoundTensor>;
  /** Those of the plan's steps. */
  readonly dispatches: readonly Dispatch[];
  /** Where each allocation of the plan lies. */
  readonly slices: readonly BufferSlice[];
  /** Bytes of its buffers: activations, and the weights that it shares with no other session. */
  readonly bytes: number;
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
    largestSubgroup: features.subgroups ? (adapter.subgroupSize?.[1] ?? 0) : 0,
    subgroupMatrices: features.subgroupMatrices ? (adapter.subgroupMatrices ?? []) : [],
    maxInvocations: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    software: adapter.software,
    ...(rankConvolutions && !adapter.software ? { rankConvolutions } : {}),
    maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
  };
}

let rankConvolutions: ConvolutionRanking | undefined;

/**
 * Loads the kernels that a device can gain from: those for graphics cards, once, where it is one. The profiles of graphics
 * cards have them from then on, so this comes before anything is planned.
 * @throws ModuleLoadError
 */
export async function loadKernels({ adapter }: EngineDevice): Promise<void> {
  if (adapter.software || rankConvolutions) return;
  const load = () => import('../../shaders/hardware-convolutions.ts');
  ({ rankConvolutions } = await loadPart('the kernels for graphics cards', load));
}

/**
 * Compiles a graph for a device: plan, buffers, weights, pipelines. Pipelines compile while weights are uploaded.
 * @throws OutOfMemoryError, ModuleLoadError
 */
export async function createSession(
  graph: Graph,
  device: EngineDevice,
  cache: PipelineCache,
  options: SessionOptions,
): Promise<NetworkSession> {
  const precision = assignPrecision(graph, options.precision);
  const switches = planSwitches(options.disable);
  const rules = await rulesFor(graph);
  await loadKernels(device);
  const compile = (kernels?: KernelChoices) =>
    compilePlan(graph, precision, deviceProfile(device), switches, kernels, rules);
  let plan = compile(options.kernels);
  const better = await options.choose?.(plan);
  if (better) plan = compile(better);
  const memory = await allocate(plan, device, options.borrow?.(plan) ?? new Map());
  try {
    const { slices } = memory;
    const preparing = prepareDispatches(
      cache,
      plan.steps.map(({ kernel, tensors }) => ({ kernel, buffers: tensors.map((allocation) => slices[allocation]) })),
      { specialize: !switches['shared-pipelines'], onProgress: options.onProgress },
    );
    uploadWeights(device.device, plan, memory);
    const { dispatches, parameterBuffer } = await preparing;
    if (parameterBuffer) memory.buffers.push(parameterBuffer);
    const bind = (tensors: readonly PlanTensor[]) =>
      new Map(tensors.map((tensor) => [tensor.name, { slice: slices[tensor.allocation], view: tensor.view }]));
    return {
      device,
      cache,
      plan,
      inputs: bind(plan.inputs),
      outputs: bind(plan.outputs),
      dispatches,
      slices,
      bytes: memory.buffers.reduce((total, { size }) => total + size, 0),
      encode: (pass) => encodeDispatches(pass, dispatches),
      dispose: () => release(memory),
    };
  } catch (error) {
    release(memory);
    throw error;
  }
}

interface SessionMemory {
  readonly buffers: GPUBuffer[];
  readonly slices: readonly BufferSlice[];
  /** Those of them that are filled already. */
  readonly borrowed: ReadonlyMap<number, BufferSlice>;
}

/** @throws OutOfMemoryError */
async function allocate(
  plan: Plan,
  { device }: EngineDevice,
  borrowed: ReadonlyMap<number, BufferSlice>,
): Promise<SessionMemory> {
  let weightBytes = 0;
  const offsets = plan.allocations.map(({ place, bytes }, index) => {
    if (place.pool !== 'weights' || borrowed.has(index)) return place.offset;
    const offset = weightBytes;
    weightBytes += alignBytes(bytes);
    return offset;
  });
  const sizes = weightBytes > 0 ? [...plan.pools, weightBytes] : plan.pools;
  const buffers = await createBuffers(device, plan.name, sizes);
  const slices = plan.allocations.map(({ place, bytes }, index): BufferSlice => {
    const buffer = buffers[place.pool === 'weights' ? plan.pools.length : place.pool];
    return borrowed.get(index) ?? { buffer, offset: offsets[index], size: bytes };
  });
  return { buffers, slices, borrowed };
}

/**
 * Storage buffers of these sizes, in bytes.
 * @throws OutOfMemoryError
 */
export async function createBuffers(device: GPUDevice, label: string, sizes: readonly number[]): Promise<GPUBuffer[]> {
  const largest = Math.max(0, ...sizes);
  if (largest > device.limits.maxBufferSize) {
    throw new OutOfMemoryError(`${label} needs a buffer of ${largest} bytes, and this device makes none so large`);
  }
  device.pushErrorScope('out-of-memory');
  const buffers = sizes.map((size) => device.createBuffer({ label, size, usage: STORAGE_COPY }));
  const shortage = await device.popErrorScope();
  if (!shortage) return buffers;
  for (const buffer of buffers) buffer.destroy();
  throw new OutOfMemoryError(`There is no GPU memory left for ${label}: ${shortage.message}`);
}

function release({ buffers }: SessionMemory): void {
  for (const buffer of buffers) buffer.destroy();
}

function uploadWeights(device: GPUDevice, plan: Plan, { slices, borrowed }: SessionMemory): void {
  plan.allocations.forEach(({ contents }, index) => {
    if (!contents || borrowed.has(index)) return;
    device.queue.writeBuffer(slices[index].buffer, slices[index].offset, contents());
  });
}
