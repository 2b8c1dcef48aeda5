/**
 * Resampling of feature maps, four channels at a time, one invocation per vec4 of the output.
 *
 * Variants:
 * - nearest by integers: the source of output i is (a * i + b) / c, with a, b, c from the sizes (a = 1, b = 0, c = 2 for
 *   the usual doubling). The host has checked that this is what the op's definition gives for every row and column.
 * - nearest by table: where it isn't (a stated scale that differs from the sizes' ratio), the sources are written into the
 *   text, a pipeline for this one layer.
 * - linear: every coordinate mode is factor * i + bias.
 *
 * Bytes: the output once and the input once, from cache afterwards. FLOPs: none for nearest, 7 per element for linear.
 */
import { type Resize2d, samplesAlong } from '../engine/graph/ops/resize-2d.ts';
import { load, store } from './element-types.ts';
import { imageEntry, mapLoop, mapParameters, pixelEntry } from './feature-map.ts';
import type { Binding, FeatureMap, Kernel, Parameter } from './kernel.ts';

export interface Resize2dOptions {
  readonly input: FeatureMap;
  /** Owns its unused lanes: they are written. */
  readonly output: FeatureMap;
  readonly op: Resize2d;
}

/** vec4s that an invocation writes. On llvmpipe 4 take 0.6 of the time of 1, and 2 take 0.7 (256 channels, 20 to 40). */
const STEPS = 4;

/** Bindings: input, output. */
export function resize2d(options: Resize2dOptions): Kernel {
  const { input, output, op } = options;
  const axes = [axisText(op, 0, input.height), axisText(op, 1, input.width)];
  const variant = axes.some((axis) => axis.table) ? 'table ' : '';
  const bindings: Binding[] = [
    { name: 'x', element: input.element, vector: 4, access: 'read' },
    { name: 'y', element: output.element, vector: 4, access: 'write' },
  ];
  const [x, y] = bindings;
  const at = (iy: string, ix: string) => load(x, `xAt + ${pixelEntry('x', iy, ix)}`);
  const value =
    op.mode === 'nearest'
      ? at('firstY', 'firstX')
      : `mix(mix(${at('firstY', 'firstX')}, ${at('firstY', 'secondX')}, fractionX),
    mix(${at('secondY', 'firstX')}, ${at('secondY', 'secondX')}, fractionX), fractionY)`;
  const loop = mapLoop(
    output,
    1,
    STEPS,
    `${axes.map((axis) => axis.statements).join('\n    ')}
    let xAt = ${imageEntry('x', 'n', 'c')};
    ${store(y, `${imageEntry('y', 'n', 'c')} + ${pixelEntry('y', 'row', 'column')}`, value)}`,
  );
  return {
    label: `resize2d ${op.mode} ${variant}${input.element}`,
    bindings,
    parameters: [
      ...mapParameters('x', input),
      ...mapParameters('y', output),
      ...axes.flatMap((axis) => axis.parameters),
      ...loop.parameters,
    ],
    workgroupSize: loop.workgroupSize,
    workgroups: loop.workgroups,
    body: axes.map((axis) => axis.table ?? '').join('') + loop.main,
  };
}

/** How one axis is sampled: statements that declare the source, `firstY` (and `secondY`, `fractionY`), or X. */
interface AxisText {
  readonly statements: string;
  readonly parameters: readonly Parameter[];
  readonly table?: string;
}

function axisText(op: Resize2d, axis: 0 | 1, inputSize: number): AxisText {
  return op.mode === 'linear' ? linearAxis(op, axis, inputSize) : nearestAxis(op, axis, inputSize);
}

function nearestAxis(op: Resize2d, axis: 0 | 1, inputSize: number): AxisText {
  const name = 'YX'[axis];
  const index = axis === 0 ? 'row' : 'column';
  const sources = samplesAlong(op, axis, inputSize).map((sample) => sample.first);
  const ratio = integerRatio(op, axis, inputSize);
  const last = inputSize - 1;
  const exact = sources.every(
    (source, i) => source === Math.min(Math.max(Math.floor((ratio.factor * i + ratio.bias) / ratio.divisor), 0), last),
  );
  if (!exact) {
    return {
      table: `const sources${name} = array<u32, ${sources.length}>(${sources.map((source) => `${source}u`).join(', ')});\n`,
      statements: `let first${name} = sources${name}[${index}];`,
      parameters: [],
    };
  }
  return {
    statements: `let position${name} = max(i32(${index}) * params.factor${name} + params.bias${name}, 0);
  let first${name} = min(u32(position${name}) / params.divisor${name}, params.x${axis === 0 ? 'Height' : 'Width'} - 1u);`,
    parameters: [
      { name: `factor${name}`, type: 'i32', value: ratio.factor },
      { name: `bias${name}`, type: 'i32', value: ratio.bias },
      { name: `divisor${name}`, type: 'u32', value: ratio.divisor },
    ],
  };
}

interface IntegerRatio {
  readonly factor: number;
  readonly bias: number;
  readonly divisor: number;
}

/** The rounded source coordinate as floor((factor * i + bias) / divisor), if the scale is output / input exactly. */
function integerRatio(op: Resize2d, axis: 0 | 1, inputSize: number): IntegerRatio {
  const outputSize = op.size[axis];
  const [factor, bias, divisor] = {
    asymmetric: [inputSize, 0, outputSize],
    // (i + 1/2) * in / out - 1/2, over the common denominator 2 * out.
    halfPixel: [2 * inputSize, inputSize - outputSize, 2 * outputSize],
    pytorchHalfPixel: outputSize > 1 ? [2 * inputSize, inputSize - outputSize, 2 * outputSize] : [0, 0, 1],
    alignCorners: outputSize > 1 ? [inputSize - 1, 0, outputSize - 1] : [0, 0, 1],
  }[op.coordinates];
  switch (op.rounding) {
    case 'floor':
      return { factor, bias, divisor };
    case 'ceil':
      return { factor, bias: bias + divisor - 1, divisor };
    case 'roundPreferCeil':
      return { factor: 2 * factor, bias: 2 * bias + divisor, divisor: 2 * divisor };
    case 'roundPreferFloor':
      return { factor: 2 * factor, bias: 2 * bias + divisor - 1, divisor: 2 * divisor };
  }
}

function linearAxis(op: Resize2d, axis: 0 | 1, inputSize: number): AxisText {
  const name = 'YX'[axis];
  const index = axis === 0 ? 'row' : 'column';
  const last = `params.x${axis === 0 ? 'Height' : 'Width'} - 1u`;
  const { factor, bias } = linearCoordinate(op, axis, inputSize);
  return {
    statements: `let position${name} = clamp(f32(${index}) * params.factor${name} + params.bias${name}, 0.0f, f32(${last}));
  let first${name} = u32(position${name});
  let second${name} = min(first${name} + 1u, ${last});
  let fraction${name} = position${name} - f32(first${name});`,
    parameters: [
      { name: `factor${name}`, type: 'f32', value: factor },
      { name: `bias${name}`, type: 'f32', value: bias },
    ],
  };
}

/** The source coordinate as factor * i + bias. */
function linearCoordinate(op: Resize2d, axis: 0 | 1, inputSize: number): { factor: number; bias: number } {
  const outputSize = op.size[axis];
  const scale = op.scales[axis];
  switch (op.coordinates) {
    case 'asymmetric':
      return { factor: 1 / scale, bias: 0 };
    case 'alignCorners':
      return { factor: outputSize > 1 ? (inputSize - 1) / (outputSize - 1) : 0, bias: 0 };
    case 'pytorchHalfPixel':
      if (outputSize === 1) return { factor: 0, bias: 0 };
      return { factor: 1 / scale, bias: 0.5 / scale - 0.5 };
    case 'halfPixel':
      return { factor: 1 / scale, bias: 0.5 / scale - 0.5 };
  }
}
