import { tensorBinding } from '../../shaders/assemble.ts';
import type { Kernel } from '../../shaders/kernel.ts';
import { IMAGE_TEXTURE_BINDING, type PixelSource } from '../../shaders/preprocess.ts';
import { InvalidImageError } from '../errors.ts';
import type { BufferSlice, Dispatch } from '../runtime/dispatch.ts';
import { BufferUsage, TextureUsage } from '../runtime/webgpu-flags.ts';
import type { CheckedImage, Drawable } from './image.ts';

/** The preprocessing kernel for a source of pixels. */
export interface PreprocessPipeline {
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Memory for one image of a batch: one buffer and one texture, which grow to the largest image seen. */
export class ImageSlot {
  readonly #device: GPUDevice;
  readonly #settings: BufferSlice;
  readonly #input: BufferSlice;
  /** The last bytes of an image whose length is no multiple of 4: writes are whole words. */
  readonly #tail = new Uint8Array(4);
  #bytes: { readonly buffer: GPUBuffer; readonly dispatch: Dispatch } | undefined;
  #texture: GPUTexture | undefined;
  #canvas: OffscreenCanvas | undefined;
  readonly #textureDispatches = new WeakMap<GPUTexture, Dispatch>();

  /** @param input the whole network's: the settings say which part of it is this image's */
  constructor(device: GPUDevice, settings: BufferSlice, input: BufferSlice) {
    this.#device = device;
    this.#settings = settings;
    this.#input = input;
  }

  /** Hands an image's pixels to WebGPU. The dispatch that it returns puts them into the network's input. */
  upload(image: CheckedImage, source: PixelSource, pipeline: PreprocessPipeline): Dispatch {
    switch (image.form) {
      case 'bytes':
        return this.#uploadBytes(image.data, pipeline);
      case 'texture':
        return this.#readTexture(image.texture, pipeline);
      case 'drawable':
        return this.#readTexture(this.#copyToTexture(image.source, image.width, image.height), pipeline);
      case 'video': {
        const { source: video, width, height } = image;
        if (source === 'externalTexture') {
          const frame = readable(() => this.#device.importExternalTexture({ source: video }));
          return this.#dispatch(pipeline, [], frame);
        }
        return this.#readTexture(this.#copyToTexture(this.#draw(image), width, height), pipeline);
      }
    }
  }

  /** Frees the memory; the next image allocates it anew. */
  release(): void {
    this.#bytes?.buffer.destroy();
    this.#bytes = undefined;
    this.#texture?.destroy();
    this.#texture = undefined;
  }

  #uploadBytes(data: Uint8Array | Uint8ClampedArray, pipeline: PreprocessPipeline): Dispatch {
    const size = Math.ceil(data.length / 4) * 4;
    if (!this.#bytes || this.#bytes.buffer.size < size) {
      this.#bytes?.buffer.destroy();
      const usage = BufferUsage.storage | BufferUsage.copyDestination;
      const buffer = this.#device.createBuffer({ label: 'image', size, usage });
      this.#bytes = { buffer, dispatch: this.#dispatch(pipeline, [{ buffer }]) };
    }
    const { buffer, dispatch } = this.#bytes;
    const { queue } = this.#device;
    const whole = data.length - (data.length % 4);
    queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, whole);
    if (whole < data.length) {
      this.#tail.set(data.subarray(whole));
      queue.writeBuffer(buffer, whole, this.#tail);
    }
    return dispatch;
  }

  #copyToTexture(source: Drawable, width: number, height: number): GPUTexture {
    let texture = this.#texture;
    if (!texture || texture.width < width || texture.height < height) {
      texture?.destroy();
      texture = this.#device.createTexture({
        label: 'image',
        format: 'rgba8unorm',
        size: [Math.max(width, texture?.width ?? 0), Math.max(height, texture?.height ?? 0)],
        usage: TextureUsage.textureBinding | TextureUsage.copyDestination | TextureUsage.renderAttachment,
      });
      this.#texture = texture;
    }
    const destination = { texture };
    readable(() => this.#device.queue.copyExternalImageToTexture({ source }, destination, [width, height]));
    return texture;
  }

  #draw({ source, width, height }: CheckedImage & { form: 'video' }): OffscreenCanvas {
    if (!this.#canvas || this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas = new OffscreenCanvas(width, height);
    }
    const canvas = this.#canvas;
    readable(() => canvas.getContext('2d', { alpha: false })?.drawImage(source, 0, 0, width, height));
    return canvas;
  }

  #readTexture(texture: GPUTexture, pipeline: PreprocessPipeline): Dispatch {
    let dispatch = this.#textureDispatches.get(texture);
    if (!dispatch) {
      dispatch = this.#dispatch(pipeline, [], texture.createView({ mipLevelCount: 1 }));
      this.#textureDispatches.set(texture, dispatch);
    }
    return dispatch;
  }

  #dispatch(
    { kernel, pipeline, layout }: PreprocessPipeline,
    pixels: readonly GPUBufferBinding[],
    image?: GPUTextureView | GPUExternalTexture,
  ): Dispatch {
    const entries = [this.#settings, ...pixels, this.#input].map(
      (resource, index): GPUBindGroupEntry => ({ binding: tensorBinding(index), resource }),
    );
    if (image) entries.push({ binding: IMAGE_TEXTURE_BINDING, resource: image });
    const bindGroup = this.#device.createBindGroup({ label: 'preprocess', layout, entries });
    return { label: kernel.label, pipeline, bindGroup, workgroups: kernel.workgroups };
  }
}

/** Browsers throw where a picture of another origin must not be read, or a frame was closed. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidImageError(`The image can't be read: ${reason}`, { cause: error });
  }
}
