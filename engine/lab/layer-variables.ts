import type { FeatureMap } from '../../shaders/kernel.ts';
import type { LabLayer } from './layer.ts';

/**
 * What a kernel's text may call by name: the sizes of the layer. `inVectors` and `outVectors` are the channels of a group
 * in vec4s. Offsets and strides of the tensors count entries of the binding: vec4s, or elements.
 * @param entryWidths elements of an entry by the name of the tensor; 4 where a tensor isn't named
 */
export function layerVariables(
  { spec }: LabLayer,
  entryWidths: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const { input, output, residual, kernel, strides, pads, dilations, groups } = spec;
  return new Map<string, number>([
    ['batch', output.batch],
    ['groups', groups],
    ['kernelHeight', kernel[0]],
    ['kernelWidth', kernel[1]],
    ['strideY', strides[0]],
    ['strideX', strides[1]],
    ['top', pads[0]],
    ['left', pads[1]],
    ['dilationY', dilations[0]],
    ['dilationX', dilations[1]],
    ['inVectors', Math.ceil(Math.ceil(input.channels / 4) / groups)],
    ['outVectors', Math.ceil(Math.ceil(output.channels / 4) / groups)],
    ...mapVariables('input', input, entryWidths),
    ...mapVariables('output', output, entryWidths),
    ...(residual ? mapVariables('residual', residual, entryWidths) : []),
  ]);
}

function mapVariables(
  name: string,
  map: FeatureMap,
  entryWidths: ReadonlyMap<string, number>,
): [name: string, value: number][] {
  const width = entryWidths.get(name) ?? 4;
  return [
    [`${name}Channels`, map.channels],
    [`${name}Height`, map.height],
    [`${name}Width`, map.width],
    [`${name}Offset`, map.offset / width],
    [`${name}ImageStride`, map.imageStride / width],
    [`${name}PixelStride`, map.pixelStride / width],
  ];
}
