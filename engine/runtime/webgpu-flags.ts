/**
 * The values of WebGPU's flags, as its specification fixes them. Node has no GPUBufferUsage and its like as globals, and
 * the engine installs none.
 */
export const BufferUsage = {
  mapRead: 0x0001,
  mapWrite: 0x0002,
  copySource: 0x0004,
  copyDestination: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
  indirect: 0x0100,
  queryResolve: 0x0200,
} as const;

export const MapMode = { read: 0x1, write: 0x2 } as const;

export const ShaderStage = { compute: 0x4 } as const;

export const TextureUsage = {
  copySource: 0x01,
  copyDestination: 0x02,
  textureBinding: 0x04,
  storageBinding: 0x08,
  renderAttachment: 0x10,
} as const;
