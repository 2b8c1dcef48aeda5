import { InvalidImageError } from '../errors.ts';
import { TextureUsage } from '../runtime/webgpu-flags.ts';

/** Pixels in memory: rows from the top, RGB or RGBA by the length of `data`. Alpha is ignored. */
export interface PixelImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * What can be looked at. A browser's images are taken in sRGB, as drawn, and their alpha is ignored; a video element gives
 * the frame that it shows. A GPUTexture is 2D, of one sample, of a format without sRGB decoding (its values 0..1 are the
 * levels), made on the detector's device with the usage TEXTURE_BINDING.
 */
export type ImageSource =
  | PixelImage
  | ImageData
  | ImageBitmap
  | VideoFrame
  | HTMLVideoElement
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | GPUTexture;

/** An image that was found to be usable. `width` and `height` are the pixels that boxes are given in. */
export type CheckedImage = { readonly width: number; readonly height: number } & (
  | { readonly form: 'bytes'; readonly data: Uint8Array | Uint8ClampedArray; readonly pixelBytes: 3 | 4 }
  | { readonly form: 'drawable'; readonly source: Drawable }
  | { readonly form: 'video'; readonly source: HTMLVideoElement | VideoFrame }
  | { readonly form: 'texture'; readonly texture: GPUTexture }
);

/** What is copied to a texture as it is. */
export type Drawable = ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas;

/** What a device can take. */
export type ImageLimits = Pick<
  GPUSupportedLimits,
  'maxTextureDimension2D' | 'maxStorageBufferBindingSize' | 'maxBufferSize'
>;

/** Larger sides would overflow the arithmetic of resizing. */
const LARGEST_SIDE = 65_535;

const TEXTURE_FORMATS = ['rgba8unorm', 'bgra8unorm', 'rgb10a2unorm', 'rgba16float', 'rgba32float'];

/**
 * Tells what an image is and that its size, data and format can be used on a device with these limits.
 * @throws InvalidImageError
 */
export function checkImage(image: unknown, limits: ImageLimits): CheckedImage {
  const kind = kindOf(image);
  switch (kind) {
    case 'VideoFrame': {
      const source = image as VideoFrame;
      const { displayWidth: width, displayHeight: height } = source;
      checkSides(width, height, 'The VideoFrame', 'it was closed');
      checkTextureSides(width, height, kind, limits);
      return { form: 'video', source, width, height };
    }
    case 'HTMLVideoElement': {
      const source = image as HTMLVideoElement;
      const { videoWidth: width, videoHeight: height } = source;
      if (source.readyState < HAVE_CURRENT_DATA) {
        throw new InvalidImageError('The video has no frame yet: wait for its event "loadeddata"');
      }
      checkSides(width, height, 'The video', 'it has no picture');
      checkTextureSides(width, height, kind, limits);
      return { form: 'video', source, width, height };
    }
    case 'HTMLImageElement': {
      const source = image as HTMLImageElement;
      checkSides(source.naturalWidth, source.naturalHeight, 'The image element', 'it has not loaded: await decode()');
      checkTextureSides(source.naturalWidth, source.naturalHeight, kind, limits);
      return { form: 'drawable', source, width: source.naturalWidth, height: source.naturalHeight };
    }
    case 'ImageBitmap':
    case 'HTMLCanvasElement':
    case 'OffscreenCanvas': {
      const source = image as ImageBitmap | HTMLCanvasElement | OffscreenCanvas;
      checkSides(source.width, source.height, `The ${kind}`, 'it is empty or was closed');
      checkTextureSides(source.width, source.height, kind, limits);
      return { form: 'drawable', source, width: source.width, height: source.height };
    }
    case 'GPUTexture':
      return checkTexture(image as GPUTexture);
    default:
      return checkPixels(image, limits);
  }
}

const HAVE_CURRENT_DATA = 2;

/** The class of a platform object, also of one that comes from another frame. */
function kindOf(image: unknown): string {
  return Object.prototype.toString.call(image).slice('[object '.length, -1);
}

function checkSides(width: unknown, height: unknown, what: string, whyEmpty: string): void {
  const whole = Number.isInteger(width) && Number.isInteger(height);
  const [w, h] = [Number(width), Number(height)];
  if (!whole || w < 1 || h < 1) throw new InvalidImageError(`${what} is ${width} x ${height} pixels: ${whyEmpty}`);
  if (w > LARGEST_SIDE || h > LARGEST_SIDE) {
    throw new InvalidImageError(`${what} is ${w} x ${h} pixels, and a side may have ${LARGEST_SIDE}: make it smaller`);
  }
}

function checkPixels(image: unknown, limits: ImageLimits): CheckedImage {
  if (!isRecord(image) || !('data' in image)) {
    throw new InvalidImageError(
      `An image is { data, width, height }, an ImageData, ImageBitmap, VideoFrame, GPUTexture, or an image, video or ` +
        `canvas element, not ${isRecord(image) ? `a ${kindOf(image)} without data` : String(image)}`,
    );
  }
  const { data, width, height } = image;
  checkSides(width, height, 'The image', 'width and height must be whole numbers from 1');
  const [w, h] = [Number(width), Number(height)];
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new InvalidImageError(
      `The data of an image is a Uint8Array or Uint8ClampedArray of 8-bit levels, not a ${kindOf(data)}`,
    );
  }
  const pixelBytes = data.length / (w * h);
  if (pixelBytes !== 3 && pixelBytes !== 4) {
    throw new InvalidImageError(
      `The image is ${w} x ${h} pixels, which is ${w * h * 3} bytes as RGB or ${w * h * 4} as RGBA, but its data has ` +
        `${data.length}`,
    );
  }
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (data.length > most) {
    throw new InvalidImageError(
      `The image has ${data.length} bytes (${w} x ${h} pixels), and this device binds ${most} at once: make it smaller`,
    );
  }
  return { form: 'bytes', data, pixelBytes, width: w, height: h };
}

function checkTextureSides(width: number, height: number, kind: string, limits: ImageLimits): void {
  const most = limits.maxTextureDimension2D;
  if (width > most || height > most) {
    throw new InvalidImageError(
      `The ${kind} is ${width} x ${height} pixels, and a texture of this device has ${most} a side: make it smaller`,
    );
  }
}

function checkTexture(texture: GPUTexture): CheckedImage {
  const { width, height, format, dimension, sampleCount, depthOrArrayLayers, usage } = texture;
  if (dimension !== '2d' || depthOrArrayLayers !== 1 || sampleCount !== 1) {
    throw new InvalidImageError('A texture to look at is 2D, of one layer and one sample');
  }
  if (!TEXTURE_FORMATS.includes(format)) {
    throw new InvalidImageError(`A texture to look at is one of ${TEXTURE_FORMATS.join(', ')}, not ${format}`);
  }
  if ((usage & TextureUsage.textureBinding) === 0) {
    throw new InvalidImageError('A texture to look at needs the usage TEXTURE_BINDING');
  }
  return { form: 'texture', texture, width, height };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
