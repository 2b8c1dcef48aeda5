import { describe, expect, it } from 'vitest';
import { DeviceUnavailableError } from '../../../engine/errors.ts';
import {
  acquireDevice,
  adoptDevice,
  listAdapters,
  releaseDevice,
  reportAdapter,
} from '../../../engine/runtime/device.ts';
import { listNodeAdapters, requestNodeDevice } from '../../../engine/runtime/node-device.ts';
import { BufferUsage, MapMode, ShaderStage, TextureUsage } from '../../../engine/runtime/webgpu-flags.ts';
import { testDevice } from '../../support/device.ts';

describe('requestNodeDevice', () => {
  it('gives a named adapter and its device', async () => {
    const { adapter, device, features, owned } = await testDevice();
    expect(adapter.name).not.toBe('');
    expect(owned).toBe(true);
    expect(device.features.has('shader-f16')).toBe(features.float16);
    expect(device.features.has('subgroups')).toBe(features.subgroups);
    expect(device.features.has('timestamp-query')).toBe(features.timestamps);
  });

  it('raises the limits to those of the adapter, or keeps the core ones', async () => {
    const raised = await testDevice();
    const core = await testDevice({ limits: 'core' });
    expect(core.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
    expect(core.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    expect(core.limits.maxStorageBuffersPerShaderStage).toBe(8);
    expect(raised.limits.maxBufferSize).toBeGreaterThanOrEqual(core.limits.maxBufferSize);
    expect(raised.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
  });

  it('leaves out the features that it is told to leave out', async () => {
    const { device, features } = await testDevice({ without: ['float16', 'subgroups', 'timestamps'] });
    expect(features).toEqual({ float16: false, subgroups: false, subgroupMatrices: false, timestamps: false });
    expect(device.features.has('shader-f16')).toBe(false);
  });

  it('finds an adapter by a part of its name, and names those that are there if none matches', async () => {
    const [first] = await listNodeAdapters();
    const { adapter } = await testDevice({ adapter: first.name.slice(0, 6) });
    expect(adapter.vendor).toBe(first.vendor);
    const missing = requestNodeDevice({ adapter: 'no such card' });
    await expect(missing).rejects.toThrow(DeviceUnavailableError);
    await expect(missing).rejects.toThrow(`No adapter has "no such card" in its name: there is "${first.name}"`);
  });
});

describe('listNodeAdapters', () => {
  it('lists each adapter once, with its backend', async () => {
    const adapters = await listNodeAdapters();
    expect(adapters.length).toBeGreaterThan(0);
    expect(new Set(adapters.map((adapter) => adapter.name)).size).toBe(adapters.length);
    for (const adapter of adapters) expect(adapter.backend).toMatch(/^(vulkan|metal|d3d12|d3d11|opengl|opengles)$/i);
  });
});

describe('acquireDevice', () => {
  it('says that there is no WebGPU', async () => {
    await expect(acquireDevice(undefined)).rejects.toThrow(DeviceUnavailableError);
    await expect(acquireDevice(undefined)).rejects.toThrow('WebGPU is not available here');
    expect(await listAdapters(undefined)).toEqual([]);
  });

  it('says that there is no adapter', async () => {
    const gpu = { requestAdapter: async () => null } as Partial<GPU> as GPU;
    await expect(acquireDevice(gpu)).rejects.toThrow('WebGPU found no graphics adapter');
    await expect(acquireDevice(gpu, { software: true })).rejects.toThrow('WebGPU found no software adapter');
    expect(await listAdapters(gpu)).toEqual([]);
  });

  it('says why the adapter gave no device', async () => {
    const adapter: Partial<GPUAdapter> = {
      features: new Set<string>(),
      limits: {} as GPUSupportedLimits,
      info: { description: 'Card 9000' } as GPUAdapterInfo,
      requestDevice: async () => {
        throw new Error('out of devices\n  at somewhere');
      },
    };
    const gpu = { requestAdapter: async () => adapter as GPUAdapter } as Partial<GPU> as GPU;
    await expect(acquireDevice(gpu)).rejects.toThrow('The adapter "Card 9000" gave no device: out of devices');
  });

  it('asks for no limit and no feature that the adapter does not know', async () => {
    const asked: GPUDeviceDescriptor[] = [];
    const adapter: Partial<GPUAdapter> = {
      features: new Set(['shader-f16']),
      limits: { maxBufferSize: 1 << 28 } as GPUSupportedLimits,
      requestDevice: async (descriptor = {}) => {
        asked.push(descriptor);
        return { limits: {} } as GPUDevice;
      },
    };
    const gpu = { requestAdapter: async () => adapter as GPUAdapter } as Partial<GPU> as GPU;
    const { adapter: report } = await acquireDevice(gpu);
    expect(asked).toEqual([
      { label: 'onelook', requiredFeatures: ['shader-f16'], requiredLimits: { maxBufferSize: 1 << 28 } },
    ]);
    expect(report.name).toBe('unnamed adapter');
  });
});

describe('adoptDevice', () => {
  it("reports the caller's device and never destroys it", async () => {
    const { device, adapter } = await testDevice();
    const adopted = adoptDevice(device);
    expect(adopted.owned).toBe(false);
    expect(adopted.adapter).toEqual(adapter);
    releaseDevice(adopted);
    const lost = await Promise.race([
      device.lost.then(() => true),
      device.queue.onSubmittedWorkDone().then(() => false),
    ]);
    expect(lost).toBe(false);
  });

  it('destroys a device of its own when released', async () => {
    const owned = await requestNodeDevice();
    releaseDevice(owned);
    expect((await owned.device.lost).reason).toBe('destroyed');
  });
});

describe('reportAdapter', () => {
  it.each([
    [{ isFallbackAdapter: true }, true],
    [{ description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)' }, true],
    [{ vendor: 'google', architecture: 'swiftshader' }, true],
    [{ description: 'Microsoft Basic Render Driver' }, true],
    [{ vendor: 'apple', architecture: 'metal-3' }, false],
    [{ description: 'NVIDIA H200' }, false],
    [{}, false],
  ])('tells software from hardware: %o is %s', (info, software) => {
    expect(reportAdapter(info).software).toBe(software);
  });

  it('names the adapter by the most telling of its strings', () => {
    expect(reportAdapter({ vendor: 'apple', architecture: 'metal-3' }).name).toBe('apple metal-3');
    expect(reportAdapter({ vendor: 'nvidia', description: 'NVIDIA H200' }).name).toBe('NVIDIA H200');
    expect(reportAdapter(undefined).name).toBe('unnamed adapter');
  });

  it('tells the subgroup matrices of floats, in its own words', () => {
    const config = { componentType: 'f16', resultComponentType: 'f32', M: 8, N: 16, K: 32 };
    const integers = { ...config, componentType: 'u8', resultComponentType: 'u32' };
    expect(reportAdapter({ subgroupMatrixConfigs: [config, integers] }).subgroupMatrices).toEqual([
      { operand: 'f16', result: 'f32', rows: 8, columns: 16, depth: 32 },
    ]);
    expect(reportAdapter({ subgroupMatrixConfigs: [] })).not.toHaveProperty('subgroupMatrices');
  });
});

describe('the WebGPU flags', () => {
  it('have the values that Dawn gives them', async () => {
    const { globals } = await import('webgpu');
    const { GPUBufferUsage, GPUMapMode, GPUShaderStage, GPUTextureUsage } = globals as typeof globalThis;
    expect(Object.values(BufferUsage)).toEqual([
      GPUBufferUsage.MAP_READ,
      GPUBufferUsage.MAP_WRITE,
      GPUBufferUsage.COPY_SRC,
      GPUBufferUsage.COPY_DST,
      GPUBufferUsage.UNIFORM,
      GPUBufferUsage.STORAGE,
      GPUBufferUsage.INDIRECT,
      GPUBufferUsage.QUERY_RESOLVE,
    ]);
    expect(Object.values(MapMode)).toEqual([GPUMapMode.READ, GPUMapMode.WRITE]);
    expect(ShaderStage.compute).toBe(GPUShaderStage.COMPUTE);
    expect(Object.values(TextureUsage)).toEqual([
      GPUTextureUsage.COPY_SRC,
      GPUTextureUsage.COPY_DST,
      GPUTextureUsage.TEXTURE_BINDING,
      GPUTextureUsage.STORAGE_BINDING,
      GPUTextureUsage.RENDER_ATTACHMENT,
    ]);
  });
});
