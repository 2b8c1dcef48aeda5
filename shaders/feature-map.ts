import type { FeatureMap, Kernel, Parameter } from './kernel.ts';

/** Text and sizes that kernels on feature maps share. An entry is a vec4: four channels of one pixel. */

/** Channels in vec4s. */
export function channelVectors(map: FeatureMap): number {
  return Math.ceil(map.channels / 4);
}

/** Where a map's entries lie. Every number counts entries; each is a u32 that begins with `name`. */
export function mapParameters(name: string, map: FeatureMap): Parameter[] {
  return [
    { name: `${name}Offset`, type: 'u32', value: map.offset / 4 },
    { name: `${name}ImageStride`, type: 'u32', value: map.imageStride / 4 },
    { name: `${name}PixelStride`, type: 'u32', value: map.pixelStride / 4 },
    { name: `${name}Height`, type: 'u32', value: map.height },
    { name: `${name}Width`, type: 'u32', value: map.width },
  ];
}

/** WGSL: the first entry of image `n`, for channels `c` (in vec4s). */
export function imageEntry(name: string, n: string, c: string): string {
  return `params.${name}Offset + ${n} * params.${name}ImageStride + ${c}`;
}

/** WGSL: how far pixel (y, x) is from the first of its image, in entries. */
export function pixelEntry(name: string, y: string, x: string): string {
  return `(${y} * params.${name}Width + ${x}) * params.${name}PixelStride`;
}

const WORKGROUP_SIZE = 64;

/**
 * One invocation for each vec4 of an output row, `rows` output rows at a time. `MAP_INDEX` declares `c` (in vec4s), `column`,
 * `row` (the number of the group of rows) and `n`.
 */
export function mapDispatch(
  output: FeatureMap,
  rows: number,
): Pick<Kernel, 'workgroupSize' | 'workgroups'> & { readonly parameters: readonly Parameter[] } {
  const channels = channelVectors(output);
  return {
    parameters: [{ name: 'channelVectors', type: 'u32', value: channels }],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [Math.ceil((channels * output.width) / WORKGROUP_SIZE), Math.ceil(output.height / rows), output.batch],
  };
}

/** See `mapDispatch`; `id` is the global invocation id. */
export const MAP_INDEX = `let column = id.x / params.channelVectors;
  let c = id.x - column * params.channelVectors;
  let row = id.y;
  let n = id.z;
  if (column >= params.yWidth) { return; }`;
