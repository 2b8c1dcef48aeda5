import { float32ToFloat16 } from '../../engine/half.ts';
import { type BufferSlice, type Dispatch, encodeDispatches } from '../../engine/runtime/dispatch.ts';
import type { BoundTensor } from '../../engine/runtime/session.ts';
import { BufferUsage, MapMode } from '../../engine/runtime/webgpu-flags.ts';
import { FRAME_SETTINGS_BYTES, type FrameSettings, packFrameSettings } from '../../shaders/frame-settings.ts';

const STORAGE = BufferUsage.storage | BufferUsage.copyDestination | BufferUsage.copySource;

/** A row-major tensor in device memory, a few elements into its buffer, as a network's outputs lie in pools. */
export function deviceTensor(
  device: GPUDevice,
  shape: readonly number[],
  element: 'f32' | 'f16',
  values: readonly number[],
): BoundTensor {
  const offset = 8;
  const padded = Float32Array.from([...new Array(offset).fill(0), ...values, 0]);
  const elements = element === 'f16' ? float32ToFloat16(padded) : padded;
  const size = Math.ceil(elements.byteLength / 4) * 4;
  const buffer = device.createBuffer({ size, usage: STORAGE });
  const bytes = new Uint8Array(size);
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
  device.queue.writeBuffer(buffer, 0, bytes);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
  return { slice: { buffer, offset: 0, size }, view: { element, shape, strides, offset } };
}

/** The settings of a frame; fields that a test doesn't care for are 0. */
export function settingsBuffer(device: GPUDevice, settings: Partial<FrameSettings>): BufferSlice {
  const none: FrameSettings = {
    image: 0,
    imageWidth: 0,
    imageHeight: 0,
    pixelBytes: 0,
    contentLeft: 0,
    contentTop: 0,
    contentWidth: 0,
    contentHeight: 0,
    scoreThreshold: 0,
    iouThreshold: 0,
    maxDetections: 0,
    classAgnostic: 0,
  };
  const floats = new Float32Array(FRAME_SETTINGS_BYTES / 4);
  packFrameSettings({ ...none, ...settings }, floats);
  const buffer = device.createBuffer({ size: FRAME_SETTINGS_BYTES, usage: STORAGE });
  device.queue.writeBuffer(buffer, 0, floats);
  return { buffer, offset: 0, size: FRAME_SETTINGS_BYTES };
}

/** Runs dispatches in one pass and reads a buffer back. */
export async function runVisionPass(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  result: BufferSlice,
): Promise<ArrayBuffer> {
  const readback = device.createBuffer({ size: result.size, usage: BufferUsage.mapRead | BufferUsage.copyDestination });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encodeDispatches(pass, dispatches);
  pass.end();
  encoder.copyBufferToBuffer(result.buffer, result.offset, readback, 0, result.size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(MapMode.read);
  const bytes = readback.getMappedRange().slice(0);
  readback.destroy();
  return bytes;
}
