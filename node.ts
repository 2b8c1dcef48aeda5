import { nodePlatform } from './engine/vision/platform.node.ts';
import { registerPlatform } from './engine/vision/platform.ts';

registerPlatform(nodePlatform);

export { describeTuning } from './engine/plan/tuning-table.ts';
export { listNodeAdapters, type NodeDeviceOptions, requestNodeDevice } from './engine/runtime/node-device.ts';
export { type DecodedImage, readImage } from './engine/vision/read-image.node.ts';
export * from './index.ts';
