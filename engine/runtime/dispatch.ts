import { assemble, type BindingUse, PARAMETER_BINDING, packParameters, tensorBinding } from '../../shaders/assemble.ts';
import type { Kernel } from '../../shaders/kernel.ts';
import { BufferUsage, ShaderStage } from './webgpu-flags.ts';

/** Uniform offsets are multiples of this; 256 is the largest that WebGPU lets a device ask for. */
const UNIFORM_ALIGNMENT = 256;

/** A window of a GPU buffer, in bytes. The offset is a multiple of the device's storage buffer alignment. */
export interface BufferSlice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A kernel and the buffers for its bindings, in the order of `kernel.bindings`. */
export interface DispatchRequest {
  readonly kernel: Kernel;
  readonly buffers: readonly BufferSlice[];
}

/** A kernel ready to be encoded: everything that costs time to create has been created. */
export interface Dispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export interface DispatchOptions {
  /** Write kernel parameters into the shader text: faster code, more pipelines. */
  readonly specialize?: boolean;
  /** Called as pipelines become ready. */
  readonly onProgress?: (ready: number, total: number) => void;
}

/** Pipelines of one device, by their text and layout. Compiles with the asynchronous call, all at once. */
export class PipelineCache {
  readonly device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** How many distinct pipelines have been asked for. */
  get size(): number {
    return this.#pipelines.size;
  }

  pipeline(kernel: Kernel, uses: readonly BindingUse[], specialize: boolean): Promise<GPUComputePipeline> {
    const code = assemble(kernel, { uses, specialize });
    const known = this.#pipelines.get(code);
    if (known) return known;
    const created = this.device.createComputePipelineAsync({
      label: kernel.label,
      layout: this.device.createPipelineLayout({
        bindGroupLayouts: [this.bindGroupLayout(kernel, uses, specialize)],
      }),
      compute: { module: this.device.createShaderModule({ label: kernel.label, code }), entryPoint: 'main' },
    });
    this.#pipelines.set(code, created);
    return created;
  }

  bindGroupLayout(kernel: Kernel, uses: readonly BindingUse[], specialize: boolean): GPUBindGroupLayout {
    const entries: GPUBindGroupLayoutEntry[] = [];
    if (hasUniform(kernel, specialize)) {
      entries.push({ binding: PARAMETER_BINDING, visibility: ShaderStage.compute, buffer: { type: 'uniform' } });
    }
    uses.forEach(({ owner, access }, index) => {
      if (owner !== index) return;
      const type = access === 'read_write' ? 'storage' : 'read-only-storage';
      entries.push({ binding: tensorBinding(index), visibility: ShaderStage.compute, buffer: { type } });
    });
    const key = entries.map((entry) => `${entry.binding}${entry.buffer?.type}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({ entries });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/**
 * How a kernel's tensors are bound where they lie. A tensor in a buffer that is written must be either where it is written
 * or wholly elsewhere, see `BindingUse`.
 */
export function bindingUses(kernel: Kernel, buffers: readonly BufferSlice[]): BindingUse[] {
  return kernel.bindings.map(({ name, access }, index) => {
    if (access === 'write') return { owner: index, access: 'read_write' };
    const { buffer, offset, size } = buffers[index];
    let written = false;
    for (const [other, slice] of buffers.entries()) {
      if (kernel.bindings[other].access !== 'write' || slice.buffer !== buffer) continue;
      if (slice.offset === offset) return { owner: other, access: 'read_write' };
      if (slice.offset < offset + size && offset < slice.offset + slice.size) {
        throw new Error(`${kernel.label}: ${name} overlaps ${kernel.bindings[other].name}, which is written`);
      }
      written = true;
    }
    return { owner: index, access: written ? 'read_write' : 'read' };
  });
}

/** Pipelines (in parallel), one parameter buffer and the bind groups for a list of kernels. */
export async function prepareDispatches(
  cache: PipelineCache,
  requests: readonly DispatchRequest[],
  options: DispatchOptions = {},
): Promise<{ dispatches: Dispatch[]; parameterBuffer: GPUBuffer | undefined }> {
  const { device } = cache;
  const specialize = options.specialize ?? false;
  const uses = requests.map((request) => bindingUses(request.kernel, request.buffers));
  let ready = 0;
  const compiling = requests.map(async (request, index) => {
    const pipeline = await cache.pipeline(request.kernel, uses[index], specialize);
    options.onProgress?.(++ready, requests.length);
    return pipeline;
  });
  const { buffer: parameterBuffer, offsets } = uploadParameters(device, requests, specialize);
  const pipelines = await Promise.all(compiling);
  const dispatches = requests.map(({ kernel, buffers }, index): Dispatch => {
    const entries: GPUBindGroupEntry[] = [];
    if (hasUniform(kernel, specialize) && parameterBuffer) {
      const { offset, size } = offsets[index];
      entries.push({ binding: PARAMETER_BINDING, resource: { buffer: parameterBuffer, offset, size } });
    }
    buffers.forEach((slice, tensor) => {
      if (uses[index][tensor].owner === tensor) entries.push({ binding: tensorBinding(tensor), resource: slice });
    });
    const layout = cache.bindGroupLayout(kernel, uses[index], specialize);
    return {
      label: kernel.label,
      pipeline: pipelines[index],
      bindGroup: device.createBindGroup({ label: kernel.label, layout, entries }),
      workgroups: kernel.workgroups,
    };
  });
  return { dispatches, parameterBuffer };
}

/** Encodes dispatches into an open pass; allocates nothing. */
export function encodeDispatches(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
  let pipeline: GPUComputePipeline | undefined;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) {
      pipeline = dispatch.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(dispatch.workgroups[0], dispatch.workgroups[1], dispatch.workgroups[2]);
  }
}

function hasUniform(kernel: Kernel, specialize: boolean): boolean {
  return !specialize && kernel.parameters.length > 0;
}

function uploadParameters(
  device: GPUDevice,
  requests: readonly DispatchRequest[],
  specialize: boolean,
): { buffer: GPUBuffer | undefined; offsets: { offset: number; size: number }[] } {
  let total = 0;
  const packed = requests.map(({ kernel }) =>
    hasUniform(kernel, specialize) ? packParameters(kernel.parameters) : null,
  );
  const offsets = packed.map((bytes) => {
    const offset = total;
    if (bytes) total += Math.ceil(bytes.byteLength / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
    return { offset, size: bytes?.byteLength ?? 0 };
  });
  if (total === 0) return { buffer: undefined, offsets };
  const buffer = device.createBuffer({
    label: 'parameters',
    size: total,
    usage: BufferUsage.uniform | BufferUsage.copyDestination,
  });
  const bytes = new Uint8Array(total);
  packed.forEach((parameters, index) => {
    if (parameters) bytes.set(new Uint8Array(parameters), offsets[index].offset);
  });
  device.queue.writeBuffer(buffer, 0, bytes);
  return { buffer, offsets };
}
