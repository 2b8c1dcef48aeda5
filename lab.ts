/**
 * For kernel engineers: the convolution kernels by layer, a check of each against the reference implementation, their time,
 * and the roofline. `onelook/lab` has everything of `onelook` besides. In Node, import `onelook/node` too: it brings Dawn
 * and reads paths.
 */

export { candidatesOf, LayerBench } from './engine/lab/bench.ts';
export { type CheckResult, describeCheck, type WrongElement } from './engine/lab/check.ts';
export { formatKernel, layerOfText, parseKernel, type TextKernel, type TextProblem } from './engine/lab/kernel-text.ts';
export { type LabLayer, labLayer, type NetworkLayer, networkLayers } from './engine/lab/layer.ts';
export { formatLayer, LAYER_EXAMPLE, parseLayer } from './engine/lab/layer-text.ts';
export { layerVariables } from './engine/lab/layer-variables.ts';
export type { PreparedKernel } from './engine/lab/prepared-kernel.ts';
export { errorBound } from './engine/lab/reference.ts';
export {
  deviceRoofline,
  type RooflinePoint,
  ridgeIntensity,
  roofAt,
  rooflinePoint,
} from './engine/lab/roofline.ts';
export { type KernelTiming, type TimingOptions, timeTurns } from './engine/lab/timing.ts';
export { PipelineCache } from './engine/runtime/dispatch.ts';
export { choosePrecision } from './engine/runtime/precision.ts';
export type { Roofline } from './engine/runtime/roofline.ts';
export * from './index.ts';
export { assemble } from './shaders/assemble.ts';
export {
  type ConvolutionCandidate,
  type ConvolutionSpec,
  convolutionKey,
  type KernelChoices,
} from './shaders/conv-candidate.ts';
export type { FeatureMap, Kernel } from './shaders/kernel.ts';
