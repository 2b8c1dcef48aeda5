import { addsResidual, type EpilogueStep, upsampleOf } from '../../engine/graph/epilogue.ts';
import { asFeatureMap, packedView } from '../../engine/plan/views.ts';
import type { ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import type { ElementType, FeatureMap } from '../../shaders/kernel.ts';

/** A layer as a tuning table tells of it. */
export interface KeyedLayer {
  readonly operator: 'conv2d' | 'convTranspose2d';
  readonly spec: ConvolutionSpec;
}

/**
 * The layer that a `convolutionKey` names, as far as it does: the tensors lie alone, and functions have some parameters.
 * @throws Error where the text is no such key
 */
export function layerOfKey(key: string): KeyedLayer {
  const [operator, shapes = '', ...rest] = key.split(' ');
  if (operator !== 'conv2d' && operator !== 'convTranspose2d') throw new Error(`${key} is no layer's key`);
  const numbers = (prefix: string, separator: string, otherwise?: readonly number[]): readonly number[] => {
    const found = rest.find((part) => part.startsWith(prefix) && /^-?\d/.test(part.slice(1)));
    const values = found?.slice(1).split(separator).map(Number) ?? otherwise;
    if (!values?.every(Number.isInteger)) throw new Error(`${key} is no layer's key: ${prefix} is missing`);
    return values;
  };
  const [kernel, strides, pads] = [numbers('k', 'x'), numbers('s', 'x'), numbers('p', '.')];
  const [[groups], dilations] = [numbers('g', 'x', [1]), numbers('d', 'x', [1, 1])];
  const typesAt = rest.findIndex((part) => /^[fiu](16|32)(\.|$)/.test(part));
  const types = (rest[typesAt]?.split('.') ?? []) as ElementType[];
  const names = rest.slice(typesAt + 1);
  const sizes = /^(\d+)x(\d+)x(\d+)x(\d+)>(\d+)x(\d+)x(\d+)$/.exec(shapes)?.slice(1).map(Number);
  if (!sizes || types.length === 0) throw new Error(`${key} is no layer's key`);
  const [batch, inChannels, inHeight, inWidth, ...outSizes] = sizes;
  const [inputType, weightElement = inputType] = types;
  const outputType = types.at(-1) ?? inputType;
  const output = mapOf([batch, ...outSizes], outputType);
  const epilogue = names.map(epilogueStep);
  const [channels, height, width] = outSizes;
  const smaller = upsampleOf(epilogue);
  const spec: ConvolutionSpec = {
    input: mapOf([batch, inChannels, inHeight, inWidth], inputType),
    output,
    ...(addsResidual(epilogue)
      ? { residual: mapOf([batch, channels, height / smaller, width / smaller], outputType) }
      : {}),
    weightElement,
    kernel: pair(kernel),
    strides: pair(strides),
    pads: [pads[0], pads[1], pads[2], pads[3]],
    dilations: pair(dilations),
    groups,
    epilogue,
  };
  return { operator, spec };
}

/** Which kernels there are depends on a function's name, not on its parameters: these are ordinary ones. */
function epilogueStep(text: string): EpilogueStep {
  const [name, upsample] = text.split('/');
  const numbers = { scale: 1, alpha: 0.1, beta: 0.5, minimum: 0, maximum: 6, zeroPoint: 0 };
  return { name, ...numbers, ...(upsample ? { upsample: Number(upsample) } : {}) } as EpilogueStep;
}

function mapOf(shape: readonly number[], element: ElementType): FeatureMap {
  const map = asFeatureMap(packedView(shape, element));
  if (!map) throw new Error(`[${shape}] is no feature map`);
  return map;
}

function pair([first, second]: readonly number[]): readonly [number, number] {
  return [first, second];
}
