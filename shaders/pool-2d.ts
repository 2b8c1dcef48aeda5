/**
 * Pooling of feature maps: the largest or the mean value of a window, four channels at a time.
 *
 * Variants of max pooling:
 * - single: one output pixel per invocation, kernel height * width reads.
 * - column: `COLUMN_ROWS` output pixels of one column per invocation, for a vertical stride of 1. The maximum of a row of
 *   the window serves every output that the row belongs to, so that n outputs read (n + height - 1) * width pixels:
 *   10 instead of 25 each for the 5x5 of spatial pyramid pooling.
 * Average pooling always takes one output pixel per invocation.
 *
 * Measured on llvmpipe, 5x5 over [1, 128, 20, 20], in times of single: columns of 2 0.6, of 4 0.35, of 8 0.28; 13x13 over
 * [1, 256, 20, 20]: columns of 4 0.16. Unrolled text lost: hundreds of f16 reads took minutes to compile.
 *
 * FLOPs: kernel area for each output element. Bytes: input and output once, if the window's overlap stays in cache.
 */
import type { AveragePool2d } from '../engine/graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../engine/graph/ops/max-pool-2d.ts';
import { load, store } from './element-types.ts';
import { imageEntry, mapLoop, mapParameters, pixelEntry } from './feature-map.ts';
import type { Binding, FeatureMap, Kernel, Parameter } from './kernel.ts';

export interface Pool2dOptions {
  /** Its unused lanes are pooled like channels. */
  readonly input: FeatureMap;
  /** Owns its unused lanes: they are written. */
  readonly output: FeatureMap;
  /** Every window of a max pool or of an average without padding covers a pixel, as type inference of the op checks. */
  readonly op: MaxPool2d | AveragePool2d;
}

/** Output pixels of a column that one invocation computes. */
const COLUMN_ROWS = 4;

/** Bindings: input, output. */
export function pool2d(options: Pool2dOptions): Kernel {
  const { input, output, op } = options;
  if (op.type === 'averagePool2d') return averagePool(input, output, op);
  const column = op.strides[0] === 1 && op.kernel[0] > 1;
  return maxPool(input, output, op, column ? Math.min(COLUMN_ROWS, output.height) : 1);
}

function bindingsOf(input: FeatureMap, output: FeatureMap): [Binding, Binding] {
  return [
    { name: 'x', element: input.element, vector: 4, access: 'read' },
    { name: 'y', element: output.element, vector: 4, access: 'write' },
  ];
}

function windowParameters(op: MaxPool2d | AveragePool2d): Parameter[] {
  return [
    { name: 'kernelHeight', type: 'i32', value: op.kernel[0] },
    { name: 'kernelWidth', type: 'i32', value: op.kernel[1] },
    { name: 'strideY', type: 'i32', value: op.strides[0] },
    { name: 'strideX', type: 'i32', value: op.strides[1] },
    { name: 'top', type: 'i32', value: op.pads[0] },
    { name: 'left', type: 'i32', value: op.pads[1] },
  ];
}

/** Loops rather than unrolled text: a driver may take minutes to compile hundreds of reads. */
function maxPool(input: FeatureMap, output: FeatureMap, op: MaxPool2d, rows: number): Kernel {
  const bindings = bindingsOf(input, output);
  const [x, y] = bindings;
  const outputs = Array.from({ length: rows }, (_, r) => r);
  const updates = outputs.map((r) =>
    rows === 1
      ? `largest${r} = max(largest${r}, value);`
      : `if (iy >= top + ${r} && iy < top + ${r} + params.kernelHeight) { largest${r} = max(largest${r}, value); }`,
  );
  const stores = outputs.map((r) => {
    const index = `yAt + ${pixelEntry('y', `(firstRow + ${r}u)`, 'column')}`;
    const statement = store(y, index, `largest${r}`);
    return r === 0 ? statement : `if (firstRow + ${r}u < params.yHeight) { ${statement} }`;
  });
  const loop = mapLoop(
    output,
    rows,
    1,
    `let firstRow = row * ${rows}u;
    let top = i32(firstRow) * params.strideY - params.top;
    let left = i32(column) * params.strideX - params.left;
    let endY = min(top + ${rows - 1} + params.kernelHeight, i32(params.xHeight));
    let endX = min(left + params.kernelWidth, i32(params.xWidth));
    let xAt = ${imageEntry('x', 'n', 'c')};
    let yAt = ${imageEntry('y', 'n', 'c')};
    ${outputs.map((r) => `var largest${r} = vec4<f32>(${LOWEST});`).join('\n    ')}
    for (var iy = max(top, 0); iy < endY; iy++) {
      var value = vec4<f32>(${LOWEST});
      for (var ix = max(left, 0); ix < endX; ix++) {
        value = max(value, ${load(x, `xAt + ${pixelEntry('x', 'u32(iy)', 'u32(ix)')}`)});
      }
      ${updates.join('\n      ')}
    }
    ${stores.join('\n    ')}`,
  );
  return {
    label: `maxPool2d ${op.kernel.join('x')}${rows > 1 ? ` column ${rows}` : ''} ${input.element}`,
    bindings,
    parameters: [
      ...mapParameters('x', input),
      ...mapParameters('y', output),
      ...windowParameters(op),
      ...loop.parameters,
    ],
    workgroupSize: loop.workgroupSize,
    workgroups: loop.workgroups,
    body: loop.main,
  };
}

/** The lowest finite float: WGSL has no literal for infinities. */
const LOWEST = '-3.40282346e+38f';

function averagePool(input: FeatureMap, output: FeatureMap, op: AveragePool2d): Kernel {
  const bindings = bindingsOf(input, output);
  const [x, y] = bindings;
  const divisor = op.countIncludePad
    ? 'f32(params.kernelHeight * params.kernelWidth)'
    : 'f32((bottom - top) * (right - left))';
  const loop = mapLoop(
    output,
    1,
    1,
    `let firstY = i32(row) * params.strideY - params.top;
    let firstX = i32(column) * params.strideX - params.left;
    let top = max(firstY, 0);
    let left = max(firstX, 0);
    let bottom = min(firstY + params.kernelHeight, i32(params.xHeight));
    let right = min(firstX + params.kernelWidth, i32(params.xWidth));
    let xAt = ${imageEntry('x', 'n', 'c')};
    var sum = vec4<f32>(0);
    for (var iy = top; iy < bottom; iy++) {
      for (var ix = left; ix < right; ix++) {
        sum += ${load(x, `xAt + ${pixelEntry('x', 'u32(iy)', 'u32(ix)')}`)};
      }
    }
    ${store(y, `${imageEntry('y', 'n', 'c')} + ${pixelEntry('y', 'row', 'column')}`, `sum / ${divisor}`)}`,
  );
  return {
    label: `averagePool2d ${op.kernel.join('x')} ${input.element}`,
    bindings,
    parameters: [
      ...mapParameters('x', input),
      ...mapParameters('y', output),
      ...windowParameters(op),
      ...loop.parameters,
    ],
    workgroupSize: loop.workgroupSize,
    workgroups: loop.workgroups,
    body: loop.main,
  };
}
