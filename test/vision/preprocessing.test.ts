import { describe, expect, it } from 'vitest';
import { float16ToFloat32 } from '../../engine/half.ts';
import { BufferUsage, TextureUsage } from '../../engine/runtime/webgpu-flags.ts';
import { type CheckedImage, checkImage } from '../../engine/vision/image.ts';
import { type Geometry, letterboxGeometry } from '../../engine/vision/letterbox.ts';
import { Preprocessing } from '../../engine/vision/preprocessing.ts';
import type { InputContract } from '../../models/contract.ts';
import type { TensorView } from '../../shaders/kernel.ts';
import { runVisionPass, settingsBuffer } from '../support/detection-run.ts';
import { testDevice } from '../support/device.ts';
import { randomInteger, seeded } from '../support/random.ts';

/** Half a level for rounding, and as much for what the integer arithmetic truncates before. */
const LARGEST_ERROR = 1;

type Levels = readonly [number, number, number];

const CONTRACT: InputContract = {
  name: 'images',
  width: 32,
  height: 24,
  resize: 'letterbox',
  align: 'center',
  contentSize: [32, 24],
  allowEnlarge: true,
  rounding: 'round',
  padValue: 114,
  channelOrder: 'rgb',
  scale: [1, 1, 1],
  offset: [0, 0, 0],
};

/** Channels last, four elements a pixel, as networks take their input. */
function packedView({ width, height }: InputContract, element: 'f32' | 'f16' = 'f32'): TensorView {
  return { element, shape: [1, 3, height, width], strides: [height * width * 4, 1, width * 4, 4], offset: 0 };
}

function planarView({ width, height }: InputContract): TensorView {
  const plane = width * height;
  return { element: 'f32', shape: [1, 3, height, width], strides: [plane * 3, plane, width, 1], offset: 5 };
}

/** What the network would read, [channel, row, column] row-major, for each image in turn. */
async function preprocess(images: readonly CheckedImage[], contract = CONTRACT, view = packedView(contract)) {
  const { device } = await testDevice();
  const results: number[][] = [];
  const elements = view.offset + contract.width * contract.height * 4;
  const size = elements * (view.element === 'f16' ? 2 : 4);
  const buffer = device.createBuffer({ size, usage: BufferUsage.storage | BufferUsage.copySource });
  const slice = { buffer, offset: 0, size };
  const settings = settingsBuffer(device, {});
  const preprocessing = new Preprocessing(await testDevice(), contract, { slice, view }, [settings]);
  for (const image of images) {
    const geometry = letterboxGeometry(image.width, image.height, contract);
    const frame = settingsBuffer(device, {
      imageWidth: image.width,
      imageHeight: image.height,
      pixelBytes: image.form === 'bytes' ? image.pixelBytes : 0,
      contentLeft: geometry.left,
      contentTop: geometry.top,
      contentWidth: geometry.contentWidth,
      contentHeight: geometry.contentHeight,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(frame.buffer, 0, settings.buffer, 0, frame.size);
    device.queue.submit([encoder.finish()]);
    const upload = await preprocessing.prepare(image);
    const bytes = await runVisionPass(device, [upload()], slice);
    const values = view.element === 'f16' ? float16ToFloat32(new Uint16Array(bytes)) : new Float32Array(bytes);
    const [, channel, row, column] = view.strides;
    const at = (c: number, y: number, x: number) => values[view.offset + c * channel + y * row + x * column];
    results.push(eachElement(contract, at));
  }
  preprocessing.release();
  return results;
}

function eachElement({ width, height }: InputContract, at: (c: number, y: number, x: number) => number): number[] {
  return [0, 1, 2].flatMap((c) =>
    Array.from({ length: height * width }, (_, i) => at(c, Math.floor(i / width), i % width)),
  );
}

function randomImage(seed: number, width: number, height: number, pixelBytes: 3 | 4): CheckedImage & { form: 'bytes' } {
  const next = seeded(seed);
  const data = Uint8Array.from({ length: width * height * pixelBytes }, () => randomInteger(next, 0, 255));
  return { form: 'bytes', data, pixelBytes, width, height };
}

/** Bilinear interpolation between pixel centres, edges repeated, in double precision, unrounded. */
function bilinear(image: CheckedImage & { form: 'bytes' }, geometry: Geometry, x: number, y: number): Levels {
  const { left, top, contentWidth, contentHeight } = geometry;
  const along = (position: number, size: number, source: number) => {
    const exact = Math.min(Math.max(((position + 0.5) * source) / size - 0.5, 0), source - 1);
    const first = Math.floor(exact);
    return { first, second: Math.min(first + 1, source - 1), weight: exact - first };
  };
  const column = along(x - left, contentWidth, image.width);
  const row = along(y - top, contentHeight, image.height);
  const level = (px: number, py: number, c: number) => image.data[(py * image.width + px) * image.pixelBytes + c];
  const mix = (py: number, c: number) =>
    level(column.first, py, c) * (1 - column.weight) + level(column.second, py, c) * column.weight;
  const channel = (c: number) => mix(row.first, c) * (1 - row.weight) + mix(row.second, c) * row.weight;
  return [channel(0), channel(1), channel(2)];
}

/** The input as its contract states it, unrounded: each element in levels, and whether it is padding. */
function expectedLevels(image: CheckedImage & { form: 'bytes' }, contract: InputContract): number[] {
  const geometry = letterboxGeometry(image.width, image.height, contract);
  const { left, top, contentWidth, contentHeight } = geometry;
  return eachElement(contract, (c, y, x) => {
    const inside = x >= left && x < left + contentWidth && y >= top && y < top + contentHeight;
    if (!inside) return contract.padValue;
    return bilinear(image, geometry, x, y)[contract.channelOrder === 'rgb' ? c : 2 - c];
  });
}

function largestDifference(found: readonly number[], expected: readonly number[]): number {
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i])), 0);
}

describe('preprocessing', () => {
  // A random 4 x 3 image and what OpenCV's resize with INTER_LINEAR makes of it.
  const source = Uint8Array.from([
    168, 229, 184, 171, 238, 171, 20, 206, 245, 153, 204, 5, 37, 53, 213, 206, 192, 173, 6, 120, 63, 96, 236, 131, 118,
    4, 87, 161, 124, 71, 42, 73, 237, 16, 194, 250,
  ]);
  it.each([
    [
      6,
      5,
      [
        168, 229, 184, 169, 233, 177, 146, 233, 183, 45, 211, 233, 86, 205, 125, 153, 204, 5, 116, 158, 195, 150, 189,
        184, 157, 211, 172, 43, 180, 172, 72, 194, 114, 130, 217, 55, 37, 53, 213, 122, 123, 193, 173, 180, 155, 39,
        132, 81, 51, 178, 97, 96, 236, 131, 86, 23, 137, 132, 87, 124, 154, 141, 121, 53, 102, 158, 38, 151, 185, 48,
        211, 202, 118, 4, 87, 139, 64, 79, 141, 115, 98, 62, 81, 209, 29, 133, 243, 16, 194, 250,
      ],
    ],
    [3, 2, [143, 192, 188, 98, 206, 186, 118, 207, 63, 110, 37, 115, 103, 113, 145, 35, 184, 216]],
  ])('gives the bytes that OpenCV gives at %d x %d', async (width, height, levels) => {
    const contract: InputContract = { ...CONTRACT, width, height, resize: 'stretch', contentSize: [width, height] };
    const [found] = await preprocess([{ form: 'bytes', data: source, pixelBytes: 3, width: 4, height: 3 }], contract);
    expect(found).toEqual(eachElement(contract, (c, y, x) => levels[(y * width + x) * 3 + c]));
  });

  it.each<[string, Partial<InputContract>]>([
    ['centred', {}],
    ['top left, truncated, BGR', { align: 'topLeft', rounding: 'truncate', channelOrder: 'bgr' }],
    ['stretched', { resize: 'stretch' }],
    ['in a larger input', { contentSize: [28, 20] }],
  ])('resizes to within a level of exact interpolation: %s', async (_, changes) => {
    const contract = { ...CONTRACT, ...changes };
    const sizes = [
      [32, 24],
      [7, 5],
      [64, 48],
      [101, 33],
      [13, 90],
      [1, 1],
      [3, 1],
      [2000, 2],
    ];
    const images = sizes.map(([width, height], i) => randomImage(i, width, height, i % 2 === 0 ? 3 : 4));
    const found = await preprocess(images, contract);
    found.forEach((elements, i) => {
      expect(elements.every(Number.isInteger)).toBe(true);
      expect(largestDifference(elements, expectedLevels(images[i], contract))).toBeLessThanOrEqual(LARGEST_ERROR);
    });
  });

  it('leaves an image of the right size as it is', async () => {
    const image = randomImage(1, 32, 24, 3);
    const [found] = await preprocess([image]);
    expect(found).toEqual(eachElement(CONTRACT, (c, y, x) => image.data[(y * 32 + x) * 3 + c]));
  });

  it('scales and shifts each channel, padding too', async () => {
    const contract: InputContract = { ...CONTRACT, scale: [0.5, 0.25, 2], offset: [-1, 3, 0.5], padValue: 64 };
    const image = randomImage(2, 32, 12, 3);
    const [found] = await preprocess([image], contract);
    const [levels] = await preprocess([image], { ...contract, scale: [1, 1, 1], offset: [0, 0, 0] });
    const plane = 32 * 24;
    expect(found).toEqual(
      levels.map((v, i) => v * contract.scale[Math.floor(i / plane)] + contract.offset[Math.floor(i / plane)]),
    );
  });

  it('writes any strides and float16', async () => {
    const image = randomImage(3, 50, 20, 4);
    const [expected] = await preprocess([image]);
    expect((await preprocess([image], CONTRACT, planarView(CONTRACT)))[0]).toEqual(expected);
    expect((await preprocess([image], CONTRACT, packedView(CONTRACT, 'f16')))[0]).toEqual(expected);
  });

  it('takes RGB and RGBA in turn, larger and smaller, and ignores alpha', async () => {
    const small = randomImage(4, 5, 7, 3);
    const large = randomImage(5, 61, 40, 3);
    const withAlpha = (image: typeof small): CheckedImage => {
      const data = new Uint8Array(image.width * image.height * 4).map((_, i) =>
        i % 4 === 3 ? (i * 37) % 256 : image.data[Math.floor(i / 4) * 3 + (i % 4)],
      );
      return { ...image, data, pixelBytes: 4 };
    };
    const found = await preprocess([small, withAlpha(large), withAlpha(small), large, small]);
    expect(found[1]).toEqual(found[3]);
    expect(found[2]).toEqual(found[0]);
    expect(found[4]).toEqual(found[0]);
    expect(largestDifference(found[0], expectedLevels(small, CONTRACT))).toBeLessThanOrEqual(LARGEST_ERROR);
    expect(largestDifference(found[1], expectedLevels(large, CONTRACT))).toBeLessThanOrEqual(LARGEST_ERROR);
  });

  it.each(['rgba8unorm', 'bgra8unorm'] as const)('reads a texture as it reads the same bytes (%s)', async (format) => {
    const { device, limits } = await testDevice();
    const image = randomImage(6, 45, 30, 4);
    const texture = device.createTexture({
      format,
      size: [45, 30],
      usage: TextureUsage.textureBinding | TextureUsage.copyDestination,
    });
    const order = format === 'rgba8unorm' ? [0, 1, 2, 3] : [2, 1, 0, 3];
    const texels = Uint8Array.from(image.data, (_, i) => image.data[i - (i % 4) + order[i % 4]]);
    device.queue.writeTexture({ texture }, texels, { bytesPerRow: 45 * 4 }, [45, 30]);
    const [fromBytes, fromTexture] = await preprocess([image, checkImage(texture, limits)]);
    expect(fromTexture).toEqual(fromBytes);
  });

  it('compiles for every source of pixels', async () => {
    const { device } = await testDevice();
    const buffer = device.createBuffer({ size: 32 * 24 * 16, usage: BufferUsage.storage });
    const input = { slice: { buffer, offset: 0, size: buffer.size }, view: packedView(CONTRACT) };
    const preprocessing = new Preprocessing(await testDevice(), CONTRACT, input, [settingsBuffer(device, {})]);
    for (const source of ['bytes', 'texture', 'externalTexture'] as const) {
      expect((await preprocessing.compile(source)).kernel.label).toContain(source);
    }
  });
});
