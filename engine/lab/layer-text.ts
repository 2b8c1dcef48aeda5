import type { ConvolutionSpec } from '../../shaders/conv-candidate.ts';
import type { ElementType, FeatureMap } from '../../shaders/kernel.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { EpilogueStep } from '../graph/epilogue.ts';
import type { PlainUnaryName } from '../graph/functions.ts';
import { outputSize } from '../graph/windows.ts';
import type { ConvolutionLayer } from '../plan/plan.ts';
import { asFeatureMap, packedView } from '../plan/views.ts';

type Layer = Pick<ConvolutionLayer, 'operator' | 'spec' | 'groupChannels'>;

/** Shown where a text can't be read. */
export const LAYER_EXAMPLE = '64x80x80 -> 64 k3 s1 p1 silu';

/** Functions of an epilogue that have no parameters, as they are named in the graph. */
const PLAIN_STEPS: readonly PlainUnaryName[] = [
  'relu',
  'sigmoid',
  'silu',
  'mish',
  'hardSwish',
  'gelu',
  'tanh',
  'softplus',
  'absolute',
];

const MOST_ELEMENTS = 2 ** 28;

/**
 * Reads a layer: `CxHxW -> OUT` and what differs from a 1 x 1 convolution, in any order:
 *
 *     k3 or k3x5      kernel, height x width           g64           groups
 *     s2 or s2x1      stride                           b4            batch
 *     p1, p1x2 or     padding: all sides, rows x       f16           all stored as float16; default f32
 *       p0.0.1.1      columns, or top.left.bottom.right transposed    a transposed convolution
 *     d2 or d2x1      dilation                         o1 or o1x0    its output padding
 *     silu, relu, leakyRelu(0.1), clip(0,6), ...       add, add(0.5) the residual is added, scaled
 *
 * Tensors that differ are stored as f16.f32.f16: input, weights, (residual,) output. Epilogue steps run in the order in which they are written. Without p, the padding is that which keeps the size at a
 * stride of 1, and none where the layer is transposed. All tensors are channels-last, each in memory of its own.
 *
 * @throws InvalidArgumentError naming the word that is wrong
 */
export function parseLayer(text: string): Layer {
  const match = /^\s*(\d+)x(\d+)x(\d+)\s*(?:->|→|>)\s*(\d+)\b(.*)$/s.exec(text);
  if (!match) throw new InvalidArgumentError(`"${text}" is no layer: write it like ${LAYER_EXAMPLE}`);
  const [channels, height, width, outChannels] = match.slice(1, 5).map(Number);
  const words = readWords(
    match[5]
      .trim()
      .split(/\s+(?![^(]*\))/)
      .filter(Boolean),
    text,
  );
  const { kernel, strides, dilations, groups, batch, elements, transposed, outputPadding, epilogue } = words;
  const fail = (problem: string): never => {
    throw new InvalidArgumentError(`the layer "${text}": ${problem}`);
  };
  const sizes = [channels, height, width, outChannels, ...kernel, ...strides, ...dilations, groups, batch];
  if (sizes.some((size) => size < 1)) fail('sizes, strides and dilations start at 1');
  if (channels % groups !== 0 || outChannels % groups !== 0) {
    fail(`${groups} groups divide neither ${channels} input nor ${outChannels} output channels evenly`);
  }
  const same = [0, 1].map((axis) => Math.floor((dilations[axis] * (kernel[axis] - 1)) / 2));
  const pads = words.pads ?? (transposed ? [0, 0, 0, 0] : [same[0], same[1], same[0], same[1]]);
  const size = transposed
    ? [height, width].map((input, axis) => {
        const spread = (input - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
        return spread - pads[axis] - pads[axis + 2] + outputPadding[axis];
      })
    : windowsOf([height, width], { kernel, strides, pads, dilations }, fail);
  if (size.some((pixels) => pixels < 1)) fail(`nothing is left of the output: it would be ${size.join(' x ')}`);
  const most = Math.max(channels * height * width, outChannels * size[0] * size[1]) * batch;
  if (most > MOST_ELEMENTS) fail(`a tensor of ${most} elements is more than the lab takes`);
  const outputShape = [batch, outChannels, size[0], size[1]];
  const addsResidual = epilogue.some(({ name }) => name === 'addResidual');
  if (elements.length > 1 && elements.length !== (addsResidual ? 4 : 3)) {
    fail(`${elements.join('.')} must name input, weights, ${addsResidual ? 'residual, ' : ''}output`);
  }
  const [inputElement, weightElement = inputElement] = elements;
  const outputElement = elements[elements.length - 1];
  const spec: ConvolutionSpec = {
    ...{ kernel, strides, pads, dilations, groups, epilogue, weightElement },
    input: freshMap([batch, channels, height, width], inputElement),
    output: freshMap(outputShape, outputElement),
    ...(addsResidual ? { residual: freshMap(outputShape, elements[2] ?? outputElement) } : {}),
  };
  return { operator: transposed ? 'convTranspose2d' : 'conv2d', spec, groupChannels: channels / groups };
}

/** The layer as `parseLayer` reads it; where in memory its tensors lie is left out. */
export function formatLayer({ operator, spec }: Layer): string {
  const { input, output, residual, weightElement, kernel, strides, pads, dilations, groups, epilogue } = spec;
  const elements = [input.element, weightElement, ...(residual ? [residual.element] : []), output.element];
  const stored = new Set(elements).size > 1 ? elements.join('.') : input.element;
  const pair = ([a, b]: readonly number[]) => (a === b ? `${a}` : `${a}x${b}`);
  const [top, left, bottom, right] = pads;
  const padding = top === bottom && left === right ? pair([top, left]) : pads.join('.');
  const transposed = operator === 'convTranspose2d';
  const added = [0, 1].map((axis) => {
    const [from, to] = axis === 0 ? [input.height, output.height] : [input.width, output.width];
    return to - ((from - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - pads[axis] - pads[axis + 2]);
  });
  return [
    `${input.channels}x${input.height}x${input.width} -> ${output.channels}`,
    `k${pair(kernel)} s${pair(strides)} p${padding}`,
    ...(dilations.some((dilation) => dilation > 1) ? [`d${pair(dilations)}`] : []),
    ...(groups > 1 ? [`g${groups}`] : []),
    ...(output.batch > 1 ? [`b${output.batch}`] : []),
    ...(transposed ? ['transposed'] : []),
    ...(transposed && added.some((pixels) => pixels > 0) ? [`o${pair(added)}`] : []),
    ...epilogue.map(formatStep),
    ...(stored === 'f32' ? [] : [stored]),
  ].join(' ');
}

interface Words {
  kernel: readonly [number, number];
  strides: readonly [number, number];
  pads: readonly [number, number, number, number] | undefined;
  dilations: readonly [number, number];
  groups: number;
  batch: number;
  elements: readonly ElementType[];
  transposed: boolean;
  outputPadding: readonly [number, number];
  readonly epilogue: EpilogueStep[];
}

function readWords(words: readonly string[], text: string): Words {
  const result: Words = {
    kernel: [1, 1],
    strides: [1, 1],
    pads: undefined,
    dilations: [1, 1],
    groups: 1,
    batch: 1,
    elements: ['f32'],
    transposed: false,
    outputPadding: [0, 0],
    epilogue: [],
  };
  for (const word of words) {
    const [, letter, numbers] = /^([ksdpogb])(\d[\dx.]*)$/.exec(word) ?? [];
    const pair = /^(\d+)(?:x(\d+))?$/.exec(numbers ?? '');
    const both = pair && ([Number(pair[1]), Number(pair[2] ?? pair[1])] as const);
    const sides = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(numbers ?? '');
    const step = readStep(word);
    if (letter === 'k' && both) result.kernel = both;
    else if (letter === 's' && both) result.strides = both;
    else if (letter === 'd' && both) result.dilations = both;
    else if (letter === 'o' && both) result.outputPadding = both;
    else if (letter === 'p' && both) result.pads = [both[0], both[1], both[0], both[1]];
    else if (letter === 'p' && sides) result.pads = sides.slice(1).map(Number) as [number, number, number, number];
    else if (letter === 'g' && pair && !pair[2]) result.groups = Number(pair[1]);
    else if (letter === 'b' && pair && !pair[2]) result.batch = Number(pair[1]);
    else if (/^f(32|16)(\.f(32|16)){0,3}$/.test(word)) result.elements = word.split('.') as ElementType[];
    else if (word === 'transposed') result.transposed = true;
    else if (step) result.epilogue.push(step);
    else throw new InvalidArgumentError(`the layer "${text}": "${word}" means nothing; an example is ${LAYER_EXAMPLE}`);
  }
  if (result.epilogue.filter(({ name }) => name === 'addResidual').length > 1) {
    throw new InvalidArgumentError(`the layer "${text}": at most one residual can be added`);
  }
  return result;
}

function readStep(word: string): EpilogueStep | undefined {
  const [, name, list] = /^([a-zA-Z]+)(?:\(([^)]*)\))?$/.exec(word) ?? [];
  if (name === undefined) return undefined;
  const values = list === undefined ? [] : list.split(',').map(Number);
  if (values.some((value) => !Number.isFinite(value))) return undefined;
  if (name === 'add' && values.length <= 1) return { name: 'addResidual', scale: values[0] ?? 1 };
  const plain = PLAIN_STEPS.find((known) => known === name);
  if (plain && list === undefined) return { name: plain };
  if ((name === 'leakyRelu' || name === 'elu') && values.length === 1) return { name, alpha: values[0] };
  if (name === 'clip' && values.length === 2) return { name, minimum: values[0], maximum: values[1] };
  if (name === 'hardSigmoid' && values.length === 2) return { name, alpha: values[0], beta: values[1] };
  return undefined;
}

function formatStep(step: EpilogueStep): string {
  if (step.name === 'addResidual') return step.scale === 1 ? 'add' : `add(${step.scale})`;
  const { name, ...parameters } = step;
  const values = Object.values(parameters);
  return values.length === 0 ? name : `${name}(${values.join(',')})`;
}

function windowsOf(
  size: readonly [number, number],
  windows: Pick<ConvolutionSpec, 'kernel' | 'strides' | 'pads' | 'dilations'>,
  fail: (problem: string) => never,
): readonly number[] {
  try {
    return outputSize('conv2d', size, windows);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function freshMap(shape: readonly number[], element: ElementType): FeatureMap {
  const map = asFeatureMap(packedView(shape, element));
  if (!map) throw new Error(`[${shape}] is no feature map`);
  return map;
}
