import { DeviceUnavailableError } from '../errors.ts';
import {
  type AdapterReport,
  acquireDevice,
  type DeviceOptions,
  type EngineDevice,
  listAdapters,
  reportAdapter,
} from './device.ts';

export interface NodeDeviceOptions extends DeviceOptions {
  /** Part of the adapter's name, as `listNodeAdapters` gives it. Without it, Dawn's choice for `powerPreference`. */
  readonly adapter?: string;
}

const DAWN_FLAGS = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis',
  // Timestamps are otherwise rounded to 65 microseconds, longer than most kernels run.
  'disable-dawn-features=timestamp_quantization',
];

const NO_ADAPTER =
  'WebGPU found no adapter on this machine: run "npm run setup" in the package\'s repository, or install the graphics ' +
  "card's Vulkan driver, or Mesa's software driver (package mesa-vulkan-drivers, version 24 or later, and libvulkan1)";

/**
 * Requests a device from Dawn (npm `webgpu`).
 * @throws DeviceUnavailableError if Dawn can't be loaded here, or there is no adapter (of that name)
 */
export async function requestNodeDevice(options: NodeDeviceOptions = {}): Promise<EngineDevice> {
  const gpu = await dawn(options.adapter);
  if ((await requestOrExplain(gpu, options.adapter)) === null) throw new DeviceUnavailableError(NO_ADAPTER);
  return { ...(await acquireDevice(gpu, options)), pollsWhileWaiting: true };
}

/** Every adapter that Dawn sees, each under the name that `requestNodeDevice({ adapter })` takes. Empty if there is none. */
export async function listNodeAdapters(): Promise<AdapterReport[]> {
  const names = await adapterNames();
  const reports: AdapterReport[] = [];
  for (const { name, backend } of names) {
    const adapter = await (await dawn(name)).requestAdapter();
    if (adapter) reports.push({ ...reportAdapter(adapter.info), name, backend });
  }
  // Dawn tells names only in the text of an error; if that ever changes, what WebGPU itself can list is better than none.
  return reports.length > 0 ? reports : listAdapters(await dawn());
}

/** Null if there is no adapter at all. Dawn throws instead if there are some, but none of the name that was asked for. */
async function requestOrExplain(gpu: GPU, name: string | undefined): Promise<GPUAdapter | null> {
  try {
    return await gpu.requestAdapter();
  } catch (error) {
    const known = (await adapterNames()).map((adapter) => `"${adapter.name}"`);
    if (name === undefined || known.length === 0) return null;
    throw new DeviceUnavailableError(`No adapter has "${name}" in its name: there is ${known.join(', ')}`, {
      cause: error,
    });
  }
}

/** Dawn lists the adapters in the error that it throws for a name that no adapter has. */
async function adapterNames(): Promise<{ name: string; backend: string }[]> {
  const gpu = await dawn('(a name that no adapter has)');
  const message = await gpu.requestAdapter().then(
    () => '',
    (error: unknown) => String(error),
  );
  return [...message.matchAll(/backend: '([^']*)', name: '([^'\n]*)'/g)].map(([, backend, name]) => ({
    backend,
    name,
  }));
}

/**
 * Dawn crashes when the object that its create() returned is collected while anything made from it lives, so instances
 * are kept for the life of the process, one for each adapter name. They hang on the global object because two copies of
 * this module (the sources and a bundle) may be loaded side by side.
 */
const INSTANCES = Symbol.for('onelook.dawn');

interface DawnInstances {
  [INSTANCES]?: Map<string, GPU>;
}

async function dawn(adapterName?: string): Promise<GPU> {
  const holder = globalThis as DawnInstances;
  holder[INSTANCES] ??= new Map();
  const instances = holder[INSTANCES];
  const key = adapterName ?? '';
  const known = instances.get(key);
  if (known) return known;
  const { create } = await loadDawn();
  const gpu = create(adapterName === undefined ? DAWN_FLAGS : [...DAWN_FLAGS, `adapter=${adapterName}`]);
  instances.set(key, gpu);
  return gpu;
}

async function loadDawn(): Promise<{ create(options: string[]): GPU }> {
  try {
    return await import('webgpu');
  } catch (error) {
    throw new DeviceUnavailableError(
      `WebGPU could not be loaded for ${process.platform} ${process.arch}: install the npm package webgpu, which has ` +
        'builds for Linux, macOS and Windows on x64 and arm64',
      { cause: error },
    );
  }
}
