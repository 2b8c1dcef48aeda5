import { bindingTooLarge } from '../plan/elements.ts';
import type { BufferSlice } from './dispatch.ts';
import { BufferUsage } from './webgpu-flags.ts';

/** @throws OutOfMemoryError if a device of these limits can't bind `size` bytes at once */
export function requireBindable(limits: GPUSupportedLimits, label: string, size: number): void {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (size > most) throw bindingTooLarge(label, size, most);
}

/**
 * A buffer that kernels bind as a whole.
 * @throws OutOfMemoryError if the device can't bind it
 */
export function createStorage(
  device: GPUDevice,
  label: string,
  size: number,
  usage: GPUBufferUsageFlags = BufferUsage.storage,
): BufferSlice {
  requireBindable(device.limits, label, size);
  return { buffer: device.createBuffer({ label, size, usage }), offset: 0, size };
}
