import type { InputContract } from '../../models/contract.ts';
import { assemble, tensorBinding } from '../../shaders/assemble.ts';
import { IMAGE_TEXTURE_BINDING, type PixelSource, preprocessKernel } from '../../shaders/preprocess.ts';
import type { EngineDevice } from '../runtime/device.ts';
import type { BufferSlice, Dispatch } from '../runtime/dispatch.ts';
import type { BoundTensor } from '../runtime/session.ts';
import { ShaderStage } from '../runtime/webgpu-flags.ts';
import type { CheckedImage } from './image.ts';
import { ImageSlot, type PreprocessPipeline } from './image-slot.ts';

/**
 * Puts the images of a batch into the network's input. Keeps memory for each of them; as long as images don't grow and
 * textures of the caller come again, nothing is created for a frame (a video frame must be imported anew by its nature).
 * Where a browser can't import video frames as they are, they are drawn to a canvas first.
 */
export class Preprocessing {
  readonly #device: GPUDevice;
  readonly #software: boolean;
  readonly #contract: InputContract;
  readonly #input: BoundTensor;
  readonly #slots: readonly ImageSlot[];
  readonly #pipelines = new Map<PixelSource, Promise<PreprocessPipeline>>();
  #importsVideo: boolean | undefined;

  /** @param settings of each image, in the order of the batch */
  constructor(
    { device, adapter }: EngineDevice,
    contract: InputContract,
    input: BoundTensor,
    settings: readonly BufferSlice[],
  ) {
    this.#device = device;
    this.#software = adapter.software;
    this.#contract = contract;
    this.#input = input;
    this.#slots = settings.map((slice) => new ImageSlot(device, slice, input.slice));
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
   * Makes sure that the kernel for image number `index` of the batch is compiled. The upload that it returns is
   * synchronous, as the import of a video frame must be followed by its submission at once.
   */
  async prepare(image: CheckedImage, index = 0): Promise<() => Dispatch> {
    const source = this.#sourceOf(image);
    const pipeline = await this.compile(source);
    return () => this.#slots[index].upload(image, source, pipeline);
  }

  /** Frees the memory for images; the next ones allocate it anew. */
  release(): void {
    for (const slot of this.#slots) slot.release();
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
