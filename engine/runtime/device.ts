import type { SubgroupMatrixShape } from '../../shaders/kernel-device.ts';
import { DeviceUnavailableError } from '../errors.ts';

/** What the adapter says about itself. Browsers may leave any of the strings empty. */
export interface AdapterReport {
  /** The most telling of the strings below: for people, and for naming measurements. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True where the processor does a graphics card's work: llvmpipe, SwiftShader, WARP. */
  readonly software: boolean;
  /** 'vulkan', 'metal', 'D3D12' ..., where the implementation tells it. */
  readonly backend?: string;
  /** Invocations per subgroup, smallest and largest, where the implementation tells them. */
  readonly subgroupSize?: readonly [minimum: number, maximum: number];
  /** Products of matrices that a subgroup computes at once, in floating point, where the implementation tells them. */
  readonly subgroupMatrices?: readonly SubgroupMatrixShape[];
}

/** The optional features that kernels ask for. */
export type EngineFeature = 'float16' | 'subgroups' | 'subgroupMatrices' | 'timestamps';

const WEBGPU_FEATURES = {
  float16: 'shader-f16',
  subgroups: 'subgroups',
  // Dawn's, behind its switch allow_unsafe_apis or a flag of Chrome.
  subgroupMatrices: 'chromium-experimental-subgroup-matrix',
  timestamps: 'timestamp-query',
} as const satisfies Record<EngineFeature, string>;

/** The limits that kernels and tensors run into, raised to what the adapter offers. */
const RAISED_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxTextureDimension2D',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

export interface DeviceOptions {
  /** Default 'high-performance'. */
  readonly powerPreference?: GPUPowerPreference;
  /** Ask for the browser's software adapter. */
  readonly software?: boolean;
  /** 'adapter' (default) raises the limits to the adapter's; 'core' keeps those that every WebGPU device has. */
  readonly limits?: 'adapter' | 'core';
  /** Features to leave alone though the adapter has them, to run what a lesser adapter would run. */
  readonly without?: readonly EngineFeature[];
}

/** A device and what is known about it. */
export interface EngineDevice {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
  /** The features that the device was created with. */
  readonly features: Readonly<Record<EngineFeature, boolean>>;
  readonly limits: GPUSupportedLimits;
  /** True where we created the device; only then `releaseDevice` destroys it. */
  readonly owned: boolean;
  /** True where a pending promise of WebGPU keeps the event loop busy, as in Dawn's binding for Node; see `Patience`. */
  readonly pollsWhileWaiting: boolean;
}

/**
 * Requests an adapter and a device with every feature and limit that kernels can use.
 * @param gpu `navigator.gpu`, or Dawn's in Node (see node-device.ts)
 * @throws DeviceUnavailableError if there is no WebGPU, no adapter, or the device is refused
 */
export async function acquireDevice(gpu: GPU | undefined, options: DeviceOptions = {}): Promise<EngineDevice> {
  if (!gpu) throw new DeviceUnavailableError(`WebGPU is not available here: ${whyNoWebGpu()}`);
  const adapter = await requestAdapter(gpu, options);
  if (!adapter) {
    const kind = options.software ? 'software adapter' : 'graphics adapter';
    throw new DeviceUnavailableError(
      `WebGPU found no ${kind}: update the graphics driver, or allow WebGPU in the browser's settings`,
    );
  }
  const without = options.without ?? [];
  const features = engineFeatures(adapter.features, without);
  const report = reportAdapter(adapter.info);
  const requiredFeatures = entries(features).flatMap(([name, present]) =>
    present ? [WEBGPU_FEATURES[name] as GPUFeatureName] : [],
  );
  const requiredLimits = options.limits === 'core' ? {} : raisedLimits(adapter.limits);
  try {
    const device = await adapter.requestDevice({ label: 'onelook', requiredFeatures, requiredLimits });
    return { device, adapter: report, features, limits: device.limits, owned: true, pollsWhileWaiting: false };
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n')[0] : String(error);
    throw new DeviceUnavailableError(`The adapter "${report.name}" gave no device: ${reason}`, { cause: error });
  }
}

/** Takes a device that the caller made and keeps: it is never destroyed here. */
export function adoptDevice(device: GPUDevice): EngineDevice {
  return {
    device,
    adapter: reportAdapter(device.adapterInfo),
    features: engineFeatures(device.features, []),
    limits: device.limits,
    owned: false,
    pollsWhileWaiting: false,
  };
}

/** Destroys the device if it is ours. */
export function releaseDevice(engineDevice: EngineDevice): void {
  if (engineDevice.owned) engineDevice.device.destroy();
}

/**
 * The adapters that WebGPU gives for high performance, low power and software, each once. WebGPU has no way to list all.
 * Empty where there is no WebGPU.
 */
export async function listAdapters(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<AdapterReport[]> {
  if (!gpu) return [];
  const requests: DeviceOptions[] = [{}, { powerPreference: 'low-power' }, { software: true }];
  const reports = new Map<string, AdapterReport>();
  for (const request of requests) {
    const adapter = await requestAdapter(gpu, request);
    if (!adapter) continue;
    const report = reportAdapter(adapter.info);
    const key = JSON.stringify(report);
    if (!reports.has(key)) reports.set(key, report);
  }
  return [...reports.values()];
}

/** Turns `GPUAdapterInfo` into a report; every field may be missing, as in browsers that hide or predate it. */
export function reportAdapter(info: AdapterInfo = {}): AdapterReport {
  const { vendor = '', architecture = '', device = '', description = '', backend } = info;
  const name = description || device || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter';
  const strings = [vendor, architecture, device, description].join(' ');
  const { subgroupMinSize, subgroupMaxSize } = info;
  const subgroupMatrices = [...(info.subgroupMatrixConfigs ?? [])].flatMap(matrixShape);
  return {
    name,
    vendor,
    architecture,
    device,
    description,
    software: info.isFallbackAdapter === true || SOFTWARE_ADAPTER.test(strings),
    ...(backend ? { backend } : {}),
    ...(subgroupMinSize && subgroupMaxSize ? { subgroupSize: [subgroupMinSize, subgroupMaxSize] } : {}),
    ...(subgroupMatrices.length > 0 ? { subgroupMatrices } : {}),
  };
}

/** What adapters tell of themselves; what isn't in the standard only in some implementations. */
type AdapterInfo = Partial<GPUAdapterInfo> & {
  readonly backend?: string;
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
};

/** Dawn's, under its names. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function matrixShape({ componentType, resultComponentType, M, N, K }: SubgroupMatrixConfig): SubgroupMatrixShape[] {
  const isFloat = (type: string): type is 'f32' | 'f16' => type === 'f32' || type === 'f16';
  if (!isFloat(componentType) || !isFloat(resultComponentType)) return [];
  return [{ operand: componentType, result: resultComponentType, rows: M, columns: N, depth: K }];
}

const SOFTWARE_ADAPTER = /llvmpipe|lavapipe|swiftshader|\bwarp\b|microsoft basic render/i;

async function requestAdapter(gpu: GPU, options: DeviceOptions): Promise<GPUAdapter | null> {
  if (options.software) return gpu.requestAdapter({ forceFallbackAdapter: true });
  return gpu.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' });
}

function engineFeatures(
  present: ReadonlySet<string>,
  without: readonly EngineFeature[],
): Readonly<Record<EngineFeature, boolean>> {
  const has = (name: EngineFeature): boolean => present.has(WEBGPU_FEATURES[name]) && !without.includes(name);
  return {
    float16: has('float16'),
    subgroups: has('subgroups'),
    subgroupMatrices: has('subgroupMatrices'),
    timestamps: has('timestamps'),
  };
}

function raisedLimits(limits: GPUSupportedLimits): Record<string, number> {
  // A limit that this implementation doesn't know must not be asked for.
  return Object.fromEntries(RAISED_LIMITS.flatMap((name) => (limits[name] ? [[name, limits[name]]] : [])));
}

function entries<Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] {
  return Object.entries(record) as [Key, Value][];
}

function whyNoWebGpu(): string {
  if (globalThis.isSecureContext === false) return 'the page must be served over https, or from localhost';
  return 'use a browser with WebGPU, or requestNodeDevice of onelook/node';
}
