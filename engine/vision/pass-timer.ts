import { BufferUsage } from '../runtime/webgpu-flags.ts';

/** Times a compute pass on the GPU. Frames may share it: their passes and copies keep their order. */
export class PassTimer {
  /** What `resolve` adds to the readback. */
  static readonly bytes = 16;

  readonly descriptor: GPUComputePassDescriptor;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#queries = device.createQuerySet({ label: 'pass timer', type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer({
      label: 'pass timer',
      size: PassTimer.bytes,
      usage: BufferUsage.queryResolve | BufferUsage.copySource,
    });
    this.descriptor = {
      timestampWrites: { querySet: this.#queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    };
  }

  /** Encodes the copy of both timestamps to `offset` of the readback. */
  resolve(encoder: GPUCommandEncoder, readback: GPUBuffer, offset: number): void {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, readback, offset, PassTimer.bytes);
  }

  static milliseconds(readback: ArrayBuffer, offset: number): number {
    const [begin, end] = new BigUint64Array(readback, offset, 2);
    // A clock that was reset in between would make it negative.
    return Math.max(0, Number(end - begin) / 1e6);
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}
