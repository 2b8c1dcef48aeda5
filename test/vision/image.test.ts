import { describe, expect, it } from 'vitest';
import { InvalidImageError } from '../../engine/errors.ts';
import { TextureUsage } from '../../engine/runtime/webgpu-flags.ts';
import { checkImage } from '../../engine/vision/image.ts';
import { testDevice } from '../support/device.ts';

const LIMITS = { maxTextureDimension2D: 64, maxStorageBufferBindingSize: 4096, maxBufferSize: 8192 };

/** A stand-in for a platform object that Node doesn't have. */
function platformObject(name: string, fields: object): unknown {
  return { ...fields, [Symbol.toStringTag]: name };
}

function messageOf(image: unknown): string {
  try {
    checkImage(image, LIMITS);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidImageError);
    return String(error);
  }
  throw new Error('the image was accepted');
}

describe('checkImage', () => {
  it('tells RGB from RGBA by the length of the data', () => {
    const rgb = { data: new Uint8Array(2 * 3 * 3), width: 2, height: 3 };
    const rgba = { data: new Uint8ClampedArray(2 * 3 * 4), width: 2, height: 3 };
    expect(checkImage(rgb, LIMITS)).toMatchObject({ form: 'bytes', pixelBytes: 3, width: 2, height: 3 });
    expect(checkImage(rgba, LIMITS)).toMatchObject({ form: 'bytes', pixelBytes: 4 });
    expect(checkImage(Object.assign(rgba, { [Symbol.toStringTag]: 'ImageData' }), LIMITS)).toMatchObject({
      form: 'bytes',
    });
  });

  it('takes an extreme shape', () => {
    const image = { data: new Uint8Array(1000 * 3), width: 1000, height: 1 };
    expect(checkImage(image, LIMITS)).toMatchObject({ form: 'bytes', width: 1000, height: 1 });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /not undefined/],
    ['a path', 'photo.jpg', /not photo.jpg/],
    ['an object without data', { width: 2, height: 2 }, /without data/],
    ['no pixels', { data: new Uint8Array(0), width: 0, height: 0 }, /0 x 0 pixels/],
    ['a negative side', { data: new Uint8Array(12), width: -2, height: -2 }, /-2 x -2/],
    ['a broken side', { data: new Uint8Array(12), width: 2.5, height: 2 }, /2.5 x 2/],
    ['no width', { data: new Uint8Array(12), height: 2 }, /undefined x 2/],
    ['a huge side', { data: new Uint8Array(12), width: 100_000, height: 1 }, /a side may have 65535/],
    ['too few bytes', { data: new Uint8Array(11), width: 2, height: 2 }, /12 bytes as RGB or 16 as RGBA.*has 11/],
    ['16-bit data', { data: new Uint16Array(12), width: 2, height: 2 }, /8-bit levels, not a Uint16Array/],
    ['more than the device binds', { data: new Uint8Array(6000), width: 40, height: 50 }, /binds 4096/],
    ['a closed bitmap', platformObject('ImageBitmap', { width: 0, height: 0 }), /empty or was closed/],
    ['a bitmap beyond textures', platformObject('ImageBitmap', { width: 65, height: 1 }), /has 64 a side/],
    [
      'an image that has not loaded',
      platformObject('HTMLImageElement', { naturalWidth: 0, naturalHeight: 0 }),
      /decode/,
    ],
    [
      'a video without a frame',
      platformObject('HTMLVideoElement', { readyState: 1, videoWidth: 8, videoHeight: 8 }),
      /no frame yet/,
    ],
    ['a closed frame', platformObject('VideoFrame', { displayWidth: 0, displayHeight: 0 }), /closed/],
  ])('refuses %s', (_, image, message) => {
    expect(messageOf(image)).toMatch(message);
  });

  it('tells videos from what holds still', () => {
    const frame = platformObject('VideoFrame', { displayWidth: 32, displayHeight: 16 });
    expect(checkImage(frame, LIMITS)).toMatchObject({ form: 'video', width: 32, height: 16 });
    const bitmap = platformObject('ImageBitmap', { width: 32, height: 16 });
    expect(checkImage(bitmap, LIMITS)).toMatchObject({ form: 'drawable', width: 32, height: 16 });
  });

  it('checks textures', async () => {
    const { device } = await testDevice();
    const usage = TextureUsage.textureBinding;
    const texture = (changes: Partial<GPUTextureDescriptor>) =>
      device.createTexture({ format: 'rgba8unorm', size: [8, 4], usage, ...changes });
    expect(checkImage(texture({}), LIMITS)).toMatchObject({ form: 'texture', width: 8, height: 4 });
    expect(messageOf(texture({ format: 'rgba8unorm-srgb' }))).toMatch(/not rgba8unorm-srgb/);
    expect(messageOf(texture({ usage: TextureUsage.copyDestination }))).toMatch(/TEXTURE_BINDING/);
    expect(messageOf(texture({ size: [8, 4, 2] }))).toMatch(/one layer/);
  });
});
