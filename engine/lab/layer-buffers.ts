import type { ScratchTensor } from '../../shaders/conv-candidate.ts';
import { packBias, packConvWeights, transposeWeights, type WeightLayout } from '../../shaders/conv-weights.ts';
import { bytesPerElement, type ElementType, type FeatureMap } from '../../shaders/kernel.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { DenseTensor } from '../graph/types.ts';
import { float32ToFloat16 } from '../half.ts';
import type { BufferSlice } from '../runtime/dispatch.ts';
import { BufferUsage } from '../runtime/webgpu-flags.ts';
import { mapBytes } from './layer.ts';
import type { LayerProblem } from './reference.ts';

/** What a kernel asks of the buffers: how its weights lie, and memory of its own. */
export interface KernelTensors {
  readonly weights: WeightLayout;
  readonly scratch?: readonly ScratchTensor[];
}

/** What lies where no kernel has written: a NaN that no arithmetic gives, by its bits. */
export const UNTOUCHED = { f32: 0x7fc0_1abe, f16: 0x7e5b } as const;

const USAGE = BufferUsage.storage | BufferUsage.copyDestination | BufferUsage.copySource;

/** The tensors of a layer in device memory, made when a kernel first asks for them. Kernels share all but their scratch. */
export class LayerBuffers {
  readonly #device: GPUDevice;
  readonly #problem: LayerProblem;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: GPUDevice, problem: LayerProblem) {
    this.#device = device;
    this.#problem = problem;
  }

  /**
   * @param tensor 'input', 'weights', 'bias', 'residual', 'output' or one of the kernel's scratch tensors
   * @throws InvalidArgumentError where there is none of that name, or the layout of the weights is unknown
   */
  slice(tensor: string, kernel: KernelTensors): BufferSlice {
    const scratch = kernel.scratch?.find(({ name }) => name === tensor);
    const key = scratch ? `scratch ${tensor} ${scratch.element} ${scratch.elements}` : tensor;
    const name = tensor === 'weights' ? `weights ${kernel.weights}` : key;
    let buffer = this.#buffers.get(name);
    if (!buffer) {
      buffer = scratch ? this.#create(name, scratchBytes(scratch)) : this.#upload(name, this.#contents(tensor, kernel));
      this.#buffers.set(name, buffer);
    }
    return { buffer, offset: 0, size: buffer.size };
  }

  /** What a tensor takes, without what lies between its pixels. */
  bytes(tensor: string, kernel: KernelTensors): number {
    const { input, output, residual } = this.#problem.layer.spec;
    const map = new Map([
      ['input', input],
      ['output', output],
      ['residual', residual],
    ]).get(tensor);
    return map ? mapBytes(map) : this.slice(tensor, kernel).size;
  }

  /** Forgets what kernels have written. */
  clearOutput(): void {
    const { output } = this.#problem.layer.spec;
    const { buffer } = this.slice('output', { weights: 'blocks' });
    this.#device.queue.writeBuffer(buffer, 0, untouched(output));
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  #contents(tensor: string, { weights: layout }: KernelTensors): ArrayBuffer {
    const { layer, tensors } = this.#problem;
    const { input, output, residual, weightElement, kernel, groups } = layer.spec;
    const [x, weight, bias, added] = tensors;
    switch (tensor) {
      case 'input':
        return placed(x, input);
      case 'residual':
        if (residual) return placed(added, residual);
        break;
      case 'output':
        return untouched(output);
      case 'bias':
        return encode(packBias(bias.data), 'f32');
      case 'weights': {
        const shape = { outChannels: output.channels, groupChannels: layer.groupChannels, kernel };
        const data = layer.operator === 'conv2d' ? weight.data : transposeWeights(weight.data, shape, groups);
        return encode(packConvWeights(layout, data, shape), weightElement);
      }
    }
    throw new InvalidArgumentError(`a kernel binds "${tensor}", and the layer ${layer.text} has no such tensor`);
  }

  #upload(label: string, contents: ArrayBuffer): GPUBuffer {
    const buffer = this.#create(label, contents.byteLength);
    this.#device.queue.writeBuffer(buffer, 0, contents);
    return buffer;
  }

  #create(label: string, size: number): GPUBuffer {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    if (size > Math.min(maxStorageBufferBindingSize, maxBufferSize)) {
      throw new InvalidArgumentError(
        `the ${label} of ${this.#problem.layer.text} takes ${size} bytes, more than this device binds at once`,
      );
    }
    return this.#device.createBuffer({ label, size, usage: USAGE });
  }
}

/** Where element (image, channel, y, x) of a map lies, in elements. */
export function elementPlace(map: FeatureMap, image: number, channel: number, y: number, x: number): number {
  return map.offset + image * map.imageStride + (y * map.width + x) * map.pixelStride + channel;
}

/** Elements of the memory that a map is a window of, up to its end. */
function memoryElements({ offset, batch, imageStride }: FeatureMap): number {
  return Math.ceil((offset + batch * imageStride) / 4) * 4;
}

function placed(tensor: DenseTensor, map: FeatureMap): ArrayBuffer {
  const memory = new Float32Array(memoryElements(map));
  let read = 0;
  for (let image = 0; image < map.batch; image++) {
    for (let channel = 0; channel < map.channels; channel++) {
      for (let y = 0; y < map.height; y++) {
        for (let x = 0; x < map.width; x++) memory[elementPlace(map, image, channel, y, x)] = tensor.data[read++];
      }
    }
  }
  return encode(memory, map.element);
}

function untouched(map: FeatureMap): ArrayBuffer {
  const elements = memoryElements(map);
  const bits = map.element === 'f16' ? new Uint16Array(elements) : new Uint32Array(elements);
  return bits.fill(map.element === 'f16' ? UNTOUCHED.f16 : UNTOUCHED.f32).buffer;
}

function encode(values: Float32Array<ArrayBuffer>, element: ElementType): ArrayBuffer {
  return element === 'f16' ? (float32ToFloat16(values).buffer as ArrayBuffer) : values.buffer;
}

function scratchBytes({ element, elements }: ScratchTensor): number {
  return Math.ceil((elements * bytesPerElement(element)) / 16) * 16;
}
