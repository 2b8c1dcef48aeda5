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
export type { TunedLayer, TuningTable } from './engine/plan/tuning-table.ts';
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
export type { RunStages } from './engine/runtime/stages.ts';
export type { RawTensor } from './engine/runtime/tensor.ts';
export type { TuningProgress } from './engine/runtime/tuner.ts';
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
export type { KernelOptions, TuneOptions } from './engine/vision/kernel-options.ts';
export type {
  CheckedModel,
  GraphOptions,
  LoadedModel,
  LoadModelOptions,
  ModelInput,
} from './engine/vision/load-model.ts';
export type { LoadProgress } from './engine/vision/open-model.ts';
export { MAX_DETECTIONS } from './engine/vision/pipeline.ts';
export { checkModel, loadModel } from './engine/vision/raw-model.ts';
export type { ModelSource } from './loader/read.ts';
export type { Contract, ContractOverrides } from './models/contract.ts';
