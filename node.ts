export { listNodeAdapters, type NodeDeviceOptions, requestNodeDevice } from './engine/runtime/node-device.ts';
export * from './index.ts';
