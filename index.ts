export {
  AbortError,
  DeviceLostError,
  DeviceUnavailableError,
  InvalidArgumentError,
  InvalidImageError,
  ModelFormatError,
  ModelReadError,
  ModuleLoadError,
  OneLookError,
  OutOfMemoryError,
  type UnsupportedFeature,
  UnsupportedModelError,
} from './engine/errors.ts';
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
export type { Precision } from './engine/runtime/precision.ts';
export type { KernelProfile } from './engine/runtime/profile.ts';
export type { RawTensor } from './engine/runtime/tensor.ts';
export type {
  Batching,
  Detection,
  DetectionResult,
  DetectionTimings,
  DetectOptions,
  StreamedDetection,
} from './engine/vision/detection.ts';
export { Detector, type DetectorOptions, type LoadOptions } from './engine/vision/detector.ts';
export type { ImageSource, PixelImage } from './engine/vision/image.ts';
export {
  type CheckedModel,
  checkModel,
  type GraphOptions,
  LoadedModel,
  type LoadModelOptions,
  loadModel,
  type ModelInput,
} from './engine/vision/load-model.ts';
export type { LoadProgress } from './engine/vision/open-model.ts';
export { MAX_DETECTIONS } from './engine/vision/pipeline.ts';
export type { ModelSource } from './loader/read.ts';
export type { Contract, ContractOverrides } from './models/contract.ts';
