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

/** A kernel that does the same for each pixel of an output: what `mapLoop` decides of it. */
export interface MapLoop {
  readonly parameters: readonly Parameter[];
  readonly workgroupSize: Kernel['workgroupSize'];
  readonly workgroups: Kernel['workgroups'];
  /** The entry point. */
  readonly main: string;
}

/**
 * `statements` for every vec4 of the map `y`: of channels `c` (in vec4s), `column`, and image `n`. `row` counts groups of
 * `rowsAtOnce` rows, which the statements do together.
 * @param steps vec4s that an invocation takes one after the other, a workgroup's size apart
 */
export function mapLoop(output: FeatureMap, rowsAtOnce: number, steps: number, statements: string): MapLoop {
  const channels = channelVectors(output);
  const perWorkgroup = WORKGROUP_SIZE * steps;
  return {
    parameters: [{ name: 'channelVectors', type: 'u32', value: channels }],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: [
      Math.ceil((channels * output.width) / perWorkgroup),
      Math.ceil(output.height / rowsAtOnce),
      output.batch,
    ],
    main: `@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let n = group.z;
  let first = group.x * ${perWorkgroup}u + lane;
  let end = min(first + ${perWorkgroup}u, params.channelVectors * params.yWidth);
  for (var index = first; index < end; index += ${WORKGROUP_SIZE}u) {
    let column = index / params.channelVectors;
    let c = index - column * params.channelVectors;
    ${statements}
  }
}
`,
  };
}
