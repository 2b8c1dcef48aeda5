import { expect } from 'vitest';
import type { DenseTensor } from '../../engine/graph/types.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../engine/half.ts';
import { encodeDispatches, PipelineCache, prepareDispatches } from '../../engine/runtime/dispatch.ts';
import { BufferUsage, MapMode } from '../../engine/runtime/webgpu-flags.ts';
import { bytesPerElement, type ElementType, type Kernel, type TensorView } from '../../shaders/kernel.ts';

/** What lies in memory that no tensor has been written to. No test computes it. */
const UNTOUCHED = -77;

/** An allocation that kernels bind: on this side, an array with one number per element. */
export class Memory {
  readonly element: ElementType;
  elements: Float64Array;

  constructor(element: ElementType, size: number) {
    this.element = element;
    this.elements = new Float64Array(Math.ceil(size / 4) * 4).fill(UNTOUCHED);
  }

  /** Writes a tensor where a view says. Numbers are rounded as the element type stores them. */
  write(view: TensorView, tensor: Pick<DenseTensor, 'data'>): this {
    const rounded = this.#decode(this.#encode(tensor.data));
    forEachElement(view, (at, index) => {
      this.elements[at] = rounded[index];
    });
    return this;
  }

  /** The elements of a view, row major. */
  read(view: TensorView): number[] {
    const result: number[] = [];
    forEachElement(view, (at) => result.push(this.elements[at]));
    return result;
  }

  bytes(): ArrayBuffer {
    return this.#encode(this.elements);
  }

  load(bytes: ArrayBuffer): void {
    this.elements = this.#decode(bytes);
  }

  copy(): Memory {
    const copied = new Memory(this.element, this.elements.length);
    copied.elements = this.elements.slice();
    return copied;
  }

  #encode(values: ArrayLike<number>): ArrayBuffer {
    const bytes = new ArrayBuffer(Math.ceil((values.length * bytesPerElement(this.element)) / 8) * 8);
    if (this.element === 'f16') new Uint16Array(bytes).set(float32ToFloat16(Float32Array.from(values)));
    else if (this.element === 'f32') new Float32Array(bytes).set(values);
    else if (this.element === 'i32') new Int32Array(bytes).set(values);
    else new Uint32Array(bytes).set(values);
    return bytes;
  }

  #decode(bytes: ArrayBuffer): Float64Array {
    if (this.element === 'f16') return Float64Array.from(float16ToFloat32(new Uint16Array(bytes)));
    if (this.element === 'f32') return Float64Array.from(new Float32Array(bytes));
    return Float64Array.from(this.element === 'i32' ? new Int32Array(bytes) : new Uint32Array(bytes));
  }
}

/** Elements that an allocation needs for a view to fit. */
export function elementsOf(view: TensorView): number {
  let last = 0;
  forEachElement(view, (at) => {
    last = Math.max(last, at);
  });
  return last + 1;
}

function forEachElement(view: TensorView, visit: (at: number, index: number) => void): void {
  let index = 0;
  const walk = (axis: number, at: number): void => {
    if (axis === view.shape.length) visit(at, index++);
    else for (let i = 0; i < view.shape[axis]; i++) walk(axis + 1, at + i * view.strides[axis]);
  };
  walk(0, view.offset);
}

/**
 * Runs a kernel on allocations in the order of its bindings; the same one twice is bound once, as the planner's pools are.
 * What the kernel wrote is in the allocations afterwards.
 */
export async function runOnMemory(device: GPUDevice, kernel: Kernel, memories: readonly Memory[]): Promise<void> {
  const buffers = new Map<Memory, GPUBuffer>();
  for (const memory of memories) {
    if (buffers.has(memory)) continue;
    const bytes = memory.bytes();
    const buffer = device.createBuffer({
      size: Math.max(bytes.byteLength, 16),
      usage: BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyDestination,
    });
    device.queue.writeBuffer(buffer, 0, bytes);
    buffers.set(memory, buffer);
  }
  const slices = memories.map((memory) => {
    const buffer = buffers.get(memory) as GPUBuffer;
    return { buffer, offset: 0, size: buffer.size };
  });
  const { dispatches } = await prepareDispatches(cacheOf(device), [{ kernel, buffers: slices }]);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encodeDispatches(pass, dispatches);
  pass.end();
  const readbacks = [...buffers].map(([memory, buffer]) => {
    const readback = device.createBuffer({
      size: buffer.size,
      usage: BufferUsage.mapRead | BufferUsage.copyDestination,
    });
    encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
    return { memory, buffer, readback };
  });
  device.queue.submit([encoder.finish()]);
  for (const { memory, buffer, readback } of readbacks) {
    await readback.mapAsync(MapMode.read);
    const { byteLength } = memory.bytes();
    memory.load(readback.getMappedRange().slice(0, byteLength));
    readback.destroy();
    buffer.destroy();
  }
}

const caches = new WeakMap<GPUDevice, PipelineCache>();

function cacheOf(device: GPUDevice): PipelineCache {
  const known = caches.get(device);
  if (known) return known;
  const created = new PipelineCache(device);
  caches.set(device, created);
  return created;
}

/**
 * Every element of an allocation, also those that the kernel had no business with. The distance may be `tolerance` times
 * the largest magnitude expected (at least 1); NaN equals NaN.
 */
export function expectMemory(actual: Memory, expected: Memory, tolerance: number): void {
  expect(actual.elements.length).toBe(expected.elements.length);
  let largest = 1;
  for (const value of expected.elements) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  expected.elements.forEach((value, at) => {
    const found = actual.elements[at];
    const close = Math.abs(found - value) <= tolerance * largest || found === value;
    if (!close && !(Number.isNaN(found) && Number.isNaN(value))) {
      expect.fail(`element ${at} of ${expected.elements.length} is ${found}, expected ${value}`);
    }
  });
}
