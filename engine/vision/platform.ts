import { type ModelBytes, type ModelSource, type ReadOptions, readModelBytes } from '../../loader/read.ts';
import { acquireDevice, adoptDevice, type EngineDevice } from '../runtime/device.ts';
import type { TuningStore } from '../runtime/tuning-store.ts';

/** What differs between a browser and Node. */
export interface Platform {
  /** The device for callers that bring none. */
  requestDevice(): Promise<EngineDevice>;
  readModel(source: ModelSource, options: ReadOptions): Promise<ModelBytes>;
  /** The network for callers that name none: it comes with the package. */
  defaultModel(): ModelSource;
  /** Without it, tuning is as in a browser. */
  readonly tuning?: TuningPlatform;
}

export interface TuningPlatform {
  /** Milliseconds, for callers that name none. */
  readonly budgetMs: number;
  /**
   * @param key tells the table from those of other adapters
   * @param place what the caller calls it, if anything
   */
  openStore(key: string, place: string | undefined, adapter: string): Promise<TuningStore>;
}

export const DEFAULT_MODEL_FILE = 'onelook-shapes.safetensors';

let current: Platform = {
  requestDevice: () => acquireDevice(globalThis.navigator?.gpu),
  readModel: readModelBytes,
  defaultModel: () => new URL(`embedded/${DEFAULT_MODEL_FILE}`, import.meta.url),
};

export function platform(): Platform {
  return current;
}

/** For the module of a platform that isn't a browser, when it is loaded. */
export function registerPlatform(replacement: Platform): void {
  current = replacement;
}

/** A device that the caller may have brought, as WebGPU or we made it, and whether it is ours to release. */
export async function deviceFor(
  given: EngineDevice | GPUDevice | undefined,
): Promise<{ readonly device: EngineDevice; readonly ours: boolean }> {
  if (!given) return { device: await platform().requestDevice(), ours: true };
  return { device: 'adapter' in given ? given : adoptDevice(given), ours: false };
}
