export * from './index.ts';
export { listNodeAdapters, type NodeDeviceOptions, requestNodeDevice } from './engine/runtime/node-device.ts';
