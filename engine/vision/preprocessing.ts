import type { InputContract } from '../../models/contract.ts';
import { assemble, tensorBinding } from '../../shaders/assemble.ts';
import type { Kernel } from '../../shaders/kernel.ts';
import { IMAGE_TEXTURE_BINDING, type PixelSource, preprocessKernel } from '../../shaders/preprocess.ts';
import { InvalidImageError } from '../errors.ts';
import type { EngineDevice } from '../runtime/device.ts';
import type { BufferSlice, Dispatch } from '../runtime/dispatch.ts';
import type { BoundTensor } from '../runtime/session.ts';
import { BufferUsage, ShaderStage, TextureUsage } from '../runtime/webgpu-flags.ts';
import type { CheckedImage, Drawable } from './image.ts';

interface PreprocessPipeline {
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/**
 * Puts images into the network's input. Keeps one buffer and one texture for them, which grow to the largest image seen;
 * as long as they don't, and textures of the caller come again, nothing is created for a frame (a video frame must be
 * imported anew by its nature). Where a browser can't import video frames as they are, they are drawn to a canvas first.
 */
export class Preprocessing {
  readonly #device: GPUDevice;
  readonly #software: boolean;
  readonly #contract: InputContract;
  readonly #input: BoundTensor;
  readonly #settings: BufferSlice;
  readonly #pipelines = new Map<PixelSource, Promise<PreprocessPipeline>>();
  /** The last bytes of an image whose length is no multiple of 4: writes are whole words. */
  readonly #tail = new Uint8Array(4);
  #bytes: { readonly buffer: GPUBuffer; readonly bindGroup: GPUBindGroup } | undefined;
  #texture: GPUTexture | undefined;
  #canvas: OffscreenCanvas | undefined;
  #importsVideo: boolean | undefined;
  readonly #textureGroups = new WeakMap<GPUTexture, GPUBindGroup>();

  constructor({ device, adapter }: EngineDevice, contract: InputContract, input: BoundTensor, settings: BufferSlice) {
    this.#device = device;
    this.#software = adapter.software;
    this.#contract = contract;
    this.#input = input;
    this.#settings = settings;
  }

  /** Compiles the kernel for a source of pixels, once. */
  compile(source: PixelSource): Promise<PreprocessPipeline> {
    let pipeline = this.#pipelines.get(source);
    if (!pipeline) {
      pipeline = this.#createPipeline(source);
      this.#pipelines.set(source, pipeline);
    }
    return pipeline;
  }

  /**
   * Makes sure that the kernel for an image is compiled. The upload that it returns is synchronous, as the import of a
   * video frame must be followed by its submission at once.
   */
  async prepare(image: CheckedImage): Promise<() => Dispatch> {
    const { kernel, pipeline, layout } = await this.compile(this.#sourceOf(image));
    return () => ({
      label: kernel.label,
      pipeline,
      bindGroup: this.#upload(image, layout),
      workgroups: kernel.workgroups,
    });
  }

  /** Frees the memory for images; the next one allocates it anew. */
  release(): void {
    this.#bytes?.buffer.destroy();
    this.#bytes = undefined;
    this.#texture?.destroy();
    this.#texture = undefined;
  }

  async #createPipeline(source: PixelSource): Promise<PreprocessPipeline> {
    const { channelOrder, padValue, scale, offset } = this.#contract;
    const kernel = preprocessKernel(source, { view: this.#input.view, channelOrder, padValue, scale, offset });
    const entries = kernel.bindings.map(
      ({ access }, index): GPUBindGroupLayoutEntry => ({
        binding: tensorBinding(index),
        visibility: ShaderStage.compute,
        buffer: { type: access === 'write' ? 'storage' : 'read-only-storage' },
      }),
    );
    const texture = { binding: IMAGE_TEXTURE_BINDING, visibility: ShaderStage.compute };
    if (source === 'texture') entries.push({ ...texture, texture: { sampleType: 'unfilterable-float' } });
    if (source === 'externalTexture') entries.push({ ...texture, externalTexture: {} });
    const layout = this.#device.createBindGroupLayout({ entries });
    const code = assemble(kernel, { specialize: true });
    const pipeline = await this.#device.createComputePipelineAsync({
      label: kernel.label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.#device.createShaderModule({ label: kernel.label, code }), entryPoint: 'main' },
    });
    return { kernel, pipeline, layout };
  }

  #sourceOf(image: CheckedImage): PixelSource {
    if (image.form === 'bytes') return 'bytes';
    if (image.form !== 'video') return 'texture';
    // Chromium's software adapter throws, or in some versions loses the device.
    this.#importsVideo ??= !this.#software && canImport(this.#device, image.source);
    return this.#importsVideo ? 'externalTexture' : 'texture';
  }

  #upload(image: CheckedImage, layout: GPUBindGroupLayout): GPUBindGroup {
    switch (image.form) {
      case 'bytes':
        return this.#uploadBytes(image.data, layout);
      case 'texture':
        return this.#bindTexture(image.texture, layout);
      case 'drawable':
        return this.#bindTexture(this.#copyToTexture(image.source, image.width, image.height), layout);
      case 'video': {
        const { source, width, height } = image;
        if (this.#importsVideo) {
          return this.#bindImage(
            readable(() => this.#device.importExternalTexture({ source })),
            layout,
          );
        }
        return this.#bindTexture(this.#copyToTexture(this.#draw(image), width, height), layout);
      }
    }
  }

  #uploadBytes(data: Uint8Array | Uint8ClampedArray, layout: GPUBindGroupLayout): GPUBindGroup {
    const size = Math.ceil(data.length / 4) * 4;
    if (!this.#bytes || this.#bytes.buffer.size < size) {
      this.#bytes?.buffer.destroy();
      const usage = BufferUsage.storage | BufferUsage.copyDestination;
      const buffer = this.#device.createBuffer({ label: 'image', size, usage });
      this.#bytes = { buffer, bindGroup: this.#bind([this.#settings, { buffer }, this.#input.slice], layout) };
    }
    const { buffer, bindGroup } = this.#bytes;
    const { queue } = this.#device;
    const whole = data.length - (data.length % 4);
    queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, whole);
    if (whole < data.length) {
      this.#tail.set(data.subarray(whole));
      queue.writeBuffer(buffer, whole, this.#tail);
    }
    return bindGroup;
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

  #bindTexture(texture: GPUTexture, layout: GPUBindGroupLayout): GPUBindGroup {
    let group = this.#textureGroups.get(texture);
    if (!group) {
      group = this.#bindImage(texture.createView({ mipLevelCount: 1 }), layout);
      this.#textureGroups.set(texture, group);
    }
    return group;
  }

  #bindImage(image: GPUTextureView | GPUExternalTexture, layout: GPUBindGroupLayout): GPUBindGroup {
    return this.#bind([this.#settings, this.#input.slice], layout, image);
  }

  #bind(
    buffers: readonly GPUBufferBinding[],
    layout: GPUBindGroupLayout,
    image?: GPUTextureView | GPUExternalTexture,
  ): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = buffers.map((resource, index) => ({
      binding: tensorBinding(index),
      resource,
    }));
    if (image) entries.push({ binding: IMAGE_TEXTURE_BINDING, resource: image });
    return this.#device.createBindGroup({ label: 'preprocess', layout, entries });
  }
}

/** Some browsers don't have it, and some that do refuse. */
function canImport(device: GPUDevice, source: HTMLVideoElement | VideoFrame): boolean {
  try {
    device.importExternalTexture({ source });
    return true;
  } catch {
    return false;
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
