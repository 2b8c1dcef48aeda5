import { DeviceUnavailableError, UnsupportedModelError } from '../errors.ts';
import type { FloatPrecision } from '../passes/assign-precision.ts';
import type { EngineDevice } from './device.ts';

/** How a network's tensors are stored, as callers ask for it. */
export type Precision = 'auto' | FloatPrecision | 'int8';

/**
 * The precision to run with. 'auto' is float16 on a GPU that has it, which halves the memory traffic, and float32
 * elsewhere: a processor that does a GPU's work converts every float16 that it touches.
 * @throws DeviceUnavailableError if float16 is asked for and the device doesn't have it
 * @throws UnsupportedModelError for 'int8'
 */
export function choosePrecision(asked: Precision, { features, adapter }: EngineDevice): FloatPrecision {
  switch (asked) {
    case 'auto':
      return features.float16 && !adapter.software ? 'float16' : 'float32';
    case 'float16':
      if (features.float16) return asked;
      throw new DeviceUnavailableError(
        `The adapter "${adapter.name}" doesn't have the feature shader-f16 that precision 'float16' needs: use 'float32'`,
      );
    case 'float32':
      return asked;
    case 'int8':
      throw new UnsupportedModelError("Precision 'int8' is not built yet: use 'auto', 'float32' or 'float16'");
  }
}
