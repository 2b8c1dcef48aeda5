import { copy } from '../../shaders/copy.ts';
import type { TensorView } from '../../shaders/kernel.ts';
import { AbortError, DeviceLostError, InvalidArgumentError } from '../errors.ts';
import { elementCount } from '../graph/indexing.ts';
import type { Graph, Shape } from '../graph/types.ts';
import { loadPart } from '../load-part.ts';
import type { PlanTensor } from '../plan/plan.ts';
import { linearView } from '../plan/views.ts';
import type { EngineDevice } from './device.ts';
import { type BufferSlice, type Dispatch, encodeDispatches, PipelineCache, prepareDispatches } from './dispatch.ts';
import { nudged } from './firefox-nudge.ts';
import { Patience } from './patience.ts';
import type { KernelProfile } from './profile.ts';
import { createSession, type NetworkSession, type SessionOptions } from './session.ts';
import type { RunStages } from './stages.ts';
import { requireBindable } from './storage.ts';
import { type RawTensor, type TensorElements, toDeviceElements } from './tensor.ts';
import { BufferUsage, MapMode } from './webgpu-flags.ts';

/** A border tensor's row-major twin, which callers fill and read. */
interface Port {
  readonly tensor: PlanTensor;
  readonly slice: BufferSlice;
  readonly readback?: GPUBuffer;
}

/**
 * A network with raw tensors in and out, row-major as the file states them. Runs are queued: each finishes before the
 * next begins, in the order of the calls.
 */
export class Network {
  readonly session: NetworkSession;
  readonly #inputs: readonly Port[];
  readonly #outputs: readonly Port[];
  readonly #enter: readonly Dispatch[];
  readonly #leave: readonly Dispatch[];
  readonly #parameters: GPUBuffer | undefined;
  readonly #patience: Patience;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    session: NetworkSession,
    inputs: readonly Port[],
    outputs: readonly Port[],
    dispatches: readonly Dispatch[],
    parameters: GPUBuffer | undefined,
  ) {
    this.session = session;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#enter = dispatches.slice(0, inputs.length);
    this.#leave = dispatches.slice(inputs.length);
    this.#parameters = parameters;
    this.#patience = new Patience(session.device);
  }

  static async create(
    graph: Graph,
    device: EngineDevice,
    options: SessionOptions,
    cache: PipelineCache = new PipelineCache(device.device),
  ): Promise<Network> {
    return Network.over(await createSession(graph, device, cache, options));
  }

  /** Of a session, which is the network's from then on, also where it fails. */
  static async over(session: NetworkSession): Promise<Network> {
    try {
      return await Network.#connect(session);
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  /** Gives a session the buffers and dispatches that take tensors in and out. */
  static async #connect(session: NetworkSession): Promise<Network> {
    const { cache } = session;
    const { device } = session.device;
    for (const { name, shape } of [...session.plan.inputs, ...session.plan.outputs]) {
      requireBindable(device.limits, name, portBytes(shape));
    }
    const inputs = session.plan.inputs.map((tensor) => createPort(device, tensor, false));
    const outputs = session.plan.outputs.map((tensor) => createPort(device, tensor, true));
    const rowMajor = (tensor: PlanTensor): TensorView => linearView(tensor.shape, hostElement(tensor));
    const { dispatches, parameterBuffer } = await prepareDispatches(cache, [
      ...inputs.map(({ tensor, slice }) => {
        const bound = boundTensor(session.inputs, tensor.name);
        const padTo4 = tensor.shape.length >= 3 ? 1 : undefined;
        return {
          kernel: copy({ input: rowMajor(tensor), output: bound.view, padTo4 }),
          buffers: [slice, bound.slice],
        };
      }),
      ...outputs.map(({ tensor, slice }) => {
        const bound = boundTensor(session.outputs, tensor.name);
        return { kernel: copy({ input: bound.view, output: rowMajor(tensor) }), buffers: [bound.slice, slice] };
      }),
    ]);
    return new Network(session, inputs, outputs, dispatches, parameterBuffer);
  }

  /** The inputs that `run` wants. */
  get inputs(): readonly PlanTensor[] {
    return this.session.plan.inputs;
  }

  get outputs(): readonly PlanTensor[] {
    return this.session.plan.outputs;
  }

  /**
   * Runs the network once. `inputs` holds a tensor for every input of the network, in its shape; the result one for every
   * output: floats as float32, integers and booleans as int32. Throws `InvalidArgumentError` where a tensor is missing or
   * doesn't fit, `DeviceLostError` where the device goes away.
   */
  run(inputs: Readonly<Record<string, RawTensor>>, signal?: AbortSignal): Promise<Record<string, RawTensor>> {
    return this.#enqueue(async () => {
      if (signal?.aborted) throw new AbortError('the run was cancelled', { cause: signal.reason });
      this.#upload(inputs);
      const { device } = this.session.device;
      const encoder = device.createCommandEncoder();
      this.#record(encoder);
      device.queue.submit([encoder.finish()]);
      return this.#patience.wait(() => this.#download());
    });
  }

  /** GPU time of every dispatch: the median of `repeats` runs, each dispatch in a pass of its own. Needs timestamps. */
  profile(inputs: Readonly<Record<string, RawTensor>>, repeats = 5): Promise<KernelProfile[]> {
    return this.#enqueue(async () => {
      const { profileDispatches } = await loadPart('profiles', () => import('./profile.ts'));
      this.#upload(inputs);
      return profileDispatches(this.session, this.#enter, repeats);
    });
  }

  /** What the stages of a run take: the medians of `repeats` runs. */
  stages(inputs: Readonly<Record<string, RawTensor>>, repeats = 5): Promise<RunStages> {
    return this.#enqueue(async () => {
      const { timeStages } = await loadPart('profiles', () => import('./profile.ts'));
      const parts = {
        upload: () => this.#upload(inputs),
        record: this.#record.bind(this),
        download: () => this.#download(),
      };
      return timeStages(this.session.device, parts, repeats);
    });
  }

  /** Frees the network's GPU memory. The device stays. */
  dispose(): void {
    this.session.dispose();
    this.#parameters?.destroy();
    for (const { slice, readback } of [...this.#inputs, ...this.#outputs]) {
      slice.buffer.destroy();
      readback?.destroy();
    }
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Encodes a whole run: one compute pass, and the copies of the outputs to where they can be read. */
  #record(encoder: GPUCommandEncoder, timestampWrites?: GPUComputePassTimestampWrites): void {
    const pass = encoder.beginComputePass({ timestampWrites });
    encodeDispatches(pass, this.#enter);
    this.session.encode(pass);
    encodeDispatches(pass, this.#leave);
    pass.end();
    for (const { slice, readback } of this.#outputs) {
      if (readback) encoder.copyBufferToBuffer(slice.buffer, 0, readback, 0, slice.size);
    }
  }

  #upload(inputs: Readonly<Record<string, RawTensor>>): void {
    const known = new Set(this.#inputs.map(({ tensor }) => tensor.name));
    const names = [...known].join(', ');
    for (const name of Object.keys(inputs)) {
      if (!known.has(name)) throw new InvalidArgumentError(`the network has no input ${name}; its inputs are ${names}`);
    }
    for (const { tensor, slice } of this.#inputs) {
      const given = inputs[tensor.name];
      if (!given) throw new InvalidArgumentError(`input ${tensor.name} is missing; the network's inputs are ${names}`);
      if (given.dims.length !== tensor.shape.length || given.dims.some((size, axis) => size !== tensor.shape[axis])) {
        throw new InvalidArgumentError(`input ${tensor.name} is [${given.dims}], the network wants [${tensor.shape}]`);
      }
      this.session.device.device.queue.writeBuffer(slice.buffer, 0, toDeviceElements(tensor, given));
    }
  }

  async #download(): Promise<Record<string, RawTensor>> {
    const results: Record<string, RawTensor> = {};
    try {
      const mapping = Promise.all(this.#outputs.map(({ readback }) => readback?.mapAsync(MapMode.read)));
      await nudged(this.session.device.device.queue, mapping);
    } catch (error) {
      throw new DeviceLostError('the device was lost before the results could be read', { cause: error });
    }
    for (const { tensor, readback } of this.#outputs) {
      if (!readback) continue;
      const bytes = readback.getMappedRange().slice(0, elementCount(tensor.shape) * 4);
      readback.unmap();
      const data: TensorElements = tensor.kind === 'float' ? new Float32Array(bytes) : new Int32Array(bytes);
      results[tensor.name] = { type: tensor.kind === 'float' ? 'float32' : 'int32', dims: tensor.shape, data };
    }
    return results;
  }
}

function hostElement(tensor: PlanTensor): 'f32' | 'i32' {
  return tensor.kind === 'float' ? 'f32' : 'i32';
}

/** Callers' elements have four bytes, whatever the device stores. */
function portBytes(shape: Shape): number {
  return Math.max(16, elementCount(shape) * 4);
}

function createPort(device: GPUDevice, tensor: PlanTensor, readable: boolean): Port {
  const size = portBytes(tensor.shape);
  const buffer = device.createBuffer({
    label: `${tensor.name} row-major`,
    size,
    usage: BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyDestination,
  });
  const readback = readable
    ? device.createBuffer({
        label: `${tensor.name} readback`,
        size,
        usage: BufferUsage.mapRead | BufferUsage.copyDestination,
      })
    : undefined;
  return { tensor, slice: { buffer, offset: 0, size }, readback };
}

function boundTensor<T>(tensors: ReadonlyMap<string, T>, name: string): T {
  const bound = tensors.get(name);
  if (!bound) throw new Error(`the session has no tensor ${name}`);
  return bound;
}
