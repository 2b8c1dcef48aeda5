export * from './engine/errors.ts';
export {
  type AdapterReport,
  acquireDevice,
  adoptDevice,
  type DeviceOptions,
  type EngineDevice,
  type EngineFeature,
  listAdapters,
  releaseDevice,
} from './engine/runtime/device.ts';
