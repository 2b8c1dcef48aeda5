import { describe, expect, it } from 'vitest';
import { OutOfMemoryError } from '../../../engine/errors.ts';
import { createStorage, requireBindable } from '../../../engine/runtime/storage.ts';
import { testDevice } from '../../support/device.ts';

describe('requireBindable', () => {
  const limits = { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 } as GPUSupportedLimits;

  it('takes what the device binds at once', () => {
    expect(() => requireBindable(limits, 'image', 2 ** 27)).not.toThrow();
  });

  it('names what is too large, and how large that is', () => {
    const binding = () => requireBindable(limits, 'image', 3 * 2 ** 26);
    expect(binding).toThrow(OutOfMemoryError);
    expect(binding).toThrow(/^tensor image takes 192\.0 MiB and this device binds at most 128\.0 MiB at once/);
    expect(() => requireBindable({ ...limits, maxBufferSize: 100 }, 'image', 200)).toThrow(OutOfMemoryError);
  });
});

it('a buffer is made only where kernels can bind it', async () => {
  const { device } = await testDevice({ limits: 'core' });
  expect(createStorage(device, 'scores', 1024)).toMatchObject({ offset: 0, size: 1024 });
  expect(() => createStorage(device, 'scores', 2 ** 27 + 4)).toThrow(/^tensor scores takes 128\.0 MiB/);
});
