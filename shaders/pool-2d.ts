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
 * FLOPs: kernel area for each output element. Bytes: input and output once, if the window's overlap stays in cache.
 */
import type { AveragePool2d } from '../engine/graph/ops/average-pool-2d.ts';
import type { MaxPool2d } from '../engine/graph/ops/max-pool-2d.ts';
import { load, store } from './element-types.ts';
import { imageEntry, MAP_INDEX, mapDispatch, mapParameters, pixelEntry } from './feature-map.ts';
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
    { name: 'strideY', type: 'i32', value: op.strides[0] },
    { name: 'strideX', type: 'i32', value: op.strides[1] },
    { name: 'top', type: 'i32', value: op.pads[0] },
    { name: 'left', type: 'i32', value: op.pads[1] },
  ];
}

/**
 * Rows and columns outside of the map are replaced by the nearest inside, which belong to the window too: repeating them
 * doesn't change the maximum, and no read needs a condition.
 */
function maxPool(input: FeatureMap, output: FeatureMap, op: MaxPool2d, rows: number): Kernel {
  const bindings = bindingsOf(input, output);
  const [x, y] = bindings;
  const dispatch = mapDispatch(output, rows);
  const [kernelHeight, kernelWidth] = op.kernel;
  const lines: string[] = [];
  const columnOf = (kx: number) => `column${kx}`;
  for (let kx = 0; kx < kernelWidth; kx++) {
    lines.push(`let ${columnOf(kx)} = u32(clamp(left + ${kx}, 0, lastX)) * params.xPixelStride;`);
  }
  for (let r = 0; r < rows + kernelHeight - 1; r++) {
    lines.push(`let row${r} = start + u32(clamp(top + ${r}, 0, lastY)) * xRowStride;`);
    const reads = Array.from({ length: kernelWidth }, (_, kx) => load(x, `row${r} + ${columnOf(kx)}`));
    lines.push(`let largest${r} = ${reads.reduce((a, b) => `max(${a}, ${b})`)};`);
  }
  for (let r = 0; r < rows; r++) {
    const parts = Array.from({ length: kernelHeight }, (_, ky) => `largest${r + ky}`);
    const statement = store(
      y,
      `to + ${pixelEntry('y', `(firstRow + ${r}u)`, 'column')}`,
      parts.reduce((a, b) => `max(${a}, ${b})`),
    );
    lines.push(r === 0 ? statement : `if (firstRow + ${r}u < params.yHeight) { ${statement} }`);
  }
  return {
    label: `maxPool2d ${kernelHeight}x${kernelWidth}${rows > 1 ? ` column ${rows}` : ''} ${input.element}`,
    bindings,
    parameters: [
      ...mapParameters('x', input),
      ...mapParameters('y', output),
      ...windowParameters(op),
      ...dispatch.parameters,
    ],
    workgroupSize: dispatch.workgroupSize,
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${MAP_INDEX}
  let firstRow = row * ${rows}u;
  let top = i32(firstRow) * params.strideY - params.top;
  let left = i32(column) * params.strideX - params.left;
  let lastY = i32(params.xHeight) - 1;
  let lastX = i32(params.xWidth) - 1;
  let xRowStride = params.xWidth * params.xPixelStride;
  let start = ${imageEntry('x', 'n', 'c')};
  let to = ${imageEntry('y', 'n', 'c')};
  ${lines.join('\n  ')}
}
`,
  };
}

function averagePool(input: FeatureMap, output: FeatureMap, op: AveragePool2d): Kernel {
  const bindings = bindingsOf(input, output);
  const [x, y] = bindings;
  const dispatch = mapDispatch(output, 1);
  const divisor = op.countIncludePad ? `${op.kernel[0] * op.kernel[1]}.0f` : 'f32((bottom - top) * (right - left))';
  return {
    label: `averagePool2d ${op.kernel.join('x')} ${input.element}`,
    bindings,
    parameters: [
      ...mapParameters('x', input),
      ...mapParameters('y', output),
      ...windowParameters(op),
      ...dispatch.parameters,
    ],
    workgroupSize: dispatch.workgroupSize,
    workgroups: dispatch.workgroups,
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${MAP_INDEX}
  let firstY = i32(row) * params.strideY - params.top;
  let firstX = i32(column) * params.strideX - params.left;
  let top = max(firstY, 0);
  let left = max(firstX, 0);
  let bottom = min(firstY + ${op.kernel[0]}, i32(params.xHeight));
  let right = min(firstX + ${op.kernel[1]}, i32(params.xWidth));
  let start = ${imageEntry('x', 'n', 'c')};
  var sum = vec4<f32>(0);
  for (var iy = top; iy < bottom; iy++) {
    for (var ix = left; ix < right; ix++) {
      sum += ${load(x, `start + ${pixelEntry('x', 'u32(iy)', 'u32(ix)')}`)};
    }
  }
  ${store(y, `${imageEntry('y', 'n', 'c')} + ${pixelEntry('y', 'row', 'column')}`, `sum / ${divisor}`)}
}
`,
  };
}
