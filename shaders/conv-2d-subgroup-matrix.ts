/**
 * Implicit GEMM with subgroup matrices (WGSL's experimental chromium_experimental_subgroup_matrix: tensor cores, XMX, Apple's
 * simdgroup matrices): a workgroup copies the tiles of a step into workgroup memory, its subgroups load matrices from there,
 * and multiply them into matrices of sums. These pass through workgroup memory again, a row of matrices at a time, for the
 * lanes of a matrix have no numbers, and the epilogue must know its channels.
 *
 * FLOPs: as of any implicit GEMM, channels filled up to the tile of 64, so that layers of few channels are for others.
 * Bytes: as of an implicit GEMM with a tile of 64 x 64; through workgroup memory, a subgroup of 32 x 32 sums reads 64
 * elements for 2048 FLOPs, and the sums pass once more, 8 bytes for each.
 *
 * Nothing here has run on a graphics card yet: Dawn's compiler accepts the text, and the matrices' sizes are checked.
 */

import { convolutionBindings } from './conv-bindings.ts';
import { type GemmConvolution, type GemmDivision, gemmSize, gemmWorkgroups, tileText } from './conv-gemm.ts';
import { type GemmOperands, gemmOperands, weightRow } from './conv-gemm-operands.ts';
import { finalResults, type GemmResults } from './conv-gemm-results.ts';
import { epilogueLabel } from './epilogue.ts';
import { bytesPerElement, type Kernel, uniqueParameters } from './kernel.ts';
import type { KernelDevice, SubgroupMatrixShape } from './kernel-device.ts';
import { range } from './range.ts';

/** The decisions. */
export interface MatrixTile {
  readonly shape: SubgroupMatrixShape;
  /** Matrices of sums of one subgroup, down the pixels and along the channels. The workgroup's subgroups lie two by two. */
  readonly matrices: { readonly rows: number; readonly columns: number };
  /** Input channels of a step: a multiple of the matrices' depth and of 4. */
  readonly depth: number;
  /** The workgroup has as many invocations as four subgroups of the largest size: a multiple of the depth. */
  readonly largestSubgroup: number;
}

const SUBGROUPS = 4;

/** Pixels and channels of one subgroup, where nothing else is asked for. */
const REGION = 32;

/** Input channels of a step: as many as are within the memory of one workgroup on most cards. */
const DEPTHS = { f16: 32, f32: 16 } as const;

/** Bytes by which the rows in workgroup memory are longer than what is in them: loads want rows aligned to 16 bytes. */
const ROW_PADDING = 16;

export function matrixTileName({ shape: { operand, rows, columns, depth } }: MatrixTile): string {
  return `subgroup matrix ${rows}x${columns}x${depth} ${operand}`;
}

/**
 * Tiles for a layer: with sums in float32 only, and float16 operands only where the tensors are stored so. Empty where the
 * device has no subgroup matrices.
 */
export function matrixTiles({ input, weightElement }: GemmConvolution, device: KernelDevice): MatrixTile[] {
  const half = input.element === 'f16' && weightElement === 'f16';
  const { largestSubgroup } = device;
  return device.subgroupMatrices
    .filter(({ operand, result }) => result === 'f32' && operand === (half ? 'f16' : 'f32'))
    .filter(({ rows, columns }) => REGION % rows === 0 && REGION % columns === 0)
    .map((shape): MatrixTile => {
      const matrices = { rows: REGION / shape.rows, columns: REGION / shape.columns };
      return { shape, matrices, depth: DEPTHS[shape.operand], largestSubgroup };
    })
    .filter(({ shape, depth }) => depth % shape.depth === 0 && (SUBGROUPS * largestSubgroup) % depth === 0)
    .filter(() => largestSubgroup > 0 && SUBGROUPS * largestSubgroup <= device.maxInvocations)
    .filter((tile) => matrixWorkgroupStorage(tile) <= device.maxWorkgroupStorage);
}

/** Bytes of workgroup memory. */
export function matrixWorkgroupStorage(tile: MatrixTile): number {
  const { inputSize, weightSize, sumSize } = staged(tile);
  return (inputSize + weightSize) * bytesPerElement(tile.shape.operand) + sumSize * 4;
}

/** Pixels and channels of a subgroup. */
function region({ shape, matrices }: MatrixTile): { pixels: number; channels: number } {
  return { pixels: shape.rows * matrices.rows, channels: shape.columns * matrices.columns };
}

function divisionOf(tile: MatrixTile): GemmDivision {
  const { pixels, channels } = region(tile);
  return { pixels: 2 * pixels, channels: 2 * channels, splits: 1 };
}

/** Rows and sizes in workgroup memory, in elements. */
function staged(tile: MatrixTile) {
  const { shape, depth } = tile;
  const { pixels, channels } = divisionOf(tile);
  const padding = ROW_PADDING / bytesPerElement(shape.operand);
  const inputRow = depth + padding;
  const weightRow = channels + padding;
  return {
    inputRow,
    weightRow,
    inputSize: pixels * inputRow,
    weightSize: depth * weightRow,
    /** One row of matrices of every subgroup. */
    sumSize: SUBGROUPS * shape.rows * region(tile).channels,
  };
}

/** Bindings: input, weights, bias, residual where there is one, output. */
export function subgroupMatrixKernel(convolution: GemmConvolution, tile: MatrixTile): Kernel {
  const size = gemmSize(convolution);
  const division = divisionOf(tile);
  const { workgroups, parameters } = gemmWorkgroups(size, division);
  const results = finalResults(convolution);
  const { name, kernel, epilogue } = convolution;
  const { shape, matrices, depth } = tile;
  const { pixels, channels } = region(tile);
  const { inputSize, weightSize, sumSize } = staged(tile);
  const operands = gemmOperands(convolution, convolutionBindings(convolution, 4), depth / 4, shape.operand);
  const sums = range(matrices.rows).map((m) => range(matrices.columns).map((n) => `sum${m}_${n}`));
  const stores = sums.map((row, m) => {
    const texts = row.map((sum, n) => {
      const at = `subgroup * ${shape.rows * channels}u + ${n * shape.columns}u`;
      return `subgroupMatrixStore<row_major>(&stagedSums, ${at}, ${sum}, ${channels}u);`;
    });
    return `${texts.join('\n  ')}
  workgroupBarrier();
  ${finishText(tile, m, results)}
  workgroupBarrier();`;
  });
  return {
    label: `${name} ${kernel.join('x')} ${matrixTileName(tile)}${epilogueLabel(epilogue)}`,
    bindings: results.bindings,
    parameters: uniqueParameters([
      ...operands.parameters,
      ...results.parameters,
      ...parameters,
      { name: 'inVectors', type: 'u32', value: size.inVectors },
      { name: 'outVectors', type: 'u32', value: size.outVectors },
    ]),
    workgroupSize: [SUBGROUPS * tile.largestSubgroup, 1, 1],
    workgroups,
    features: ['subgroups', 'subgroup-matrices'],
    body: `${results.definitions}${operands.definitions}
var<workgroup> stagedInput: array<${shape.operand}, ${inputSize}>;
var<workgroup> stagedWeights: array<${shape.operand}, ${weightSize}>;
var<workgroup> stagedSums: array<f32, ${sumSize}>;
alias Left = subgroup_matrix_left<${shape.operand}, ${shape.depth}, ${shape.rows}>;
alias Right = subgroup_matrix_right<${shape.operand}, ${shape.columns}, ${shape.depth}>;
alias Sum = subgroup_matrix_result<f32, ${shape.columns}, ${shape.rows}>;

@main
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroupNumber: u32,
) {
  ${tileText(convolution, division)}
  // Smaller subgroups are more: then several compute the same.
  let subgroup = subgroupNumber % ${SUBGROUPS}u;
  let regionPixel = subgroup / 2u * ${pixels}u;
  let regionChannel = subgroup % 2u * ${channels}u;
  ${sums
    .flat()
    .map((sum) => `var ${sum} = Sum();`)
    .join(' ')}
  ${operands.count}
  let begin = 0u;
  ${operands.start}
  ${copyStart(tile)}
  for (var s = begin; s < steps; s++) {
    {
      ${operands.step}
      ${copyText(tile, operands)}
    }
    ${operands.advance}
    workgroupBarrier();
    ${multiplyText(tile, sums)}
    workgroupBarrier();
  }
  ${stores.join('\n  ')}
}
`,
  };
}

/** Which vec4s of the tiles an invocation copies. */
function copyTurns(tile: MatrixTile) {
  const invocations = SUBGROUPS * tile.largestSubgroup;
  const { depth } = tile;
  const { pixels, channels } = divisionOf(tile);
  const lanes = depth / 4;
  const inputs = (pixels * lanes) / invocations;
  const weights = (depth * channels) / 4 / invocations;
  return {
    inputs: range(Math.ceil(inputs)),
    weights: range(Math.ceil(weights)),
    invocations,
    depth,
    lanes,
    pixels,
    channels,
  };
}

function copyStart(tile: MatrixTile): string {
  const { inputs, weights, invocations, depth, lanes } = copyTurns(tile);
  return [
    `let copiedLane = local % ${lanes}u;`,
    `let copiedPixel = local / ${lanes}u;`,
    `let copiedChannel = local % ${depth}u;`,
    `let copiedVector = local / ${depth}u;`,
    ...inputs.map((i) => `let source${i} = sourceOf(first + copiedPixel + ${(i * invocations) / lanes}u, group);`),
    ...weights.map((i) => `let weights${i} = ${weightRow(`vector + copiedVector + ${(i * invocations) / depth}u`)};`),
  ].join('\n  ');
}

/** The input lies [pixel][channel], the weights [input channel][output channel]. */
function copyText(tile: MatrixTile, operands: GemmOperands): string {
  const { inputs, weights, invocations, depth, lanes, pixels, channels } = copyTurns(tile);
  const { inputRow, weightRow: weightStride } = staged(tile);
  const four = (target: string, at: string, value: string) =>
    ['x', 'y', 'z', 'w'].map((component, c) => `${target}[${at} + ${c}u] = ${value}.${component};`).join(' ');
  const guarded = (index: string, count: number, last: boolean, statements: string) =>
    last ? `if (${index} < ${count}u) { ${statements} }` : statements;
  return [
    ...inputs.map((i) => `let input${i} = ${operands.input(`source${i}`, 'copiedLane')};`),
    ...weights.map((i) => `let weight${i} = ${operands.weight(`weights${i}`, 'copiedChannel')};`),
    ...inputs.map((i) => {
      const pixel = `copiedPixel + ${(i * invocations) / lanes}u`;
      const beyond = ((i + 1) * invocations) / lanes > pixels;
      const text = four('stagedInput', `(${pixel}) * ${inputRow}u + copiedLane * 4u`, `input${i}`);
      return guarded(pixel, pixels, beyond, text);
    }),
    ...weights.map((i) => {
      const vector = `copiedVector + ${(i * invocations) / depth}u`;
      const beyond = ((i + 1) * invocations) / depth > channels / 4;
      const text = four('stagedWeights', `copiedChannel * ${weightStride}u + (${vector}) * 4u`, `weight${i}`);
      return guarded(vector, channels / 4, beyond, text);
    }),
  ].join('\n      ');
}

function multiplyText(tile: MatrixTile, sums: readonly (readonly string[])[]): string {
  const { rows, columns, depth } = tile.shape;
  const { inputRow, weightRow: weightStride } = staged(tile);
  const steps = range(tile.depth / depth).map((k) => {
    const lefts = sums.map((_, m) => {
      const at = `(regionPixel + ${m * rows}u) * ${inputRow}u + ${k * depth}u`;
      return `let left${m} = subgroupMatrixLoad<Left, row_major>(&stagedInput, ${at}, ${inputRow}u);`;
    });
    const rights = sums[0].map((_, n) => {
      const at = `${k * depth * weightStride}u + regionChannel + ${n * columns}u`;
      return `let right${n} = subgroupMatrixLoad<Right, row_major>(&stagedWeights, ${at}, ${weightStride}u);`;
    });
    const products = sums.flatMap((row, m) =>
      row.map((sum, n) => `${sum} = subgroupMatrixMultiplyAccumulate(left${m}, right${n}, ${sum});`),
    );
    return `{
      ${[...lefts, ...rights, ...products].join('\n      ')}
    }`;
  });
  return steps.join('\n    ');
}

/** All invocations finish row number `m` of every subgroup's matrices, a vec4 each at a time. */
function finishText(tile: MatrixTile, m: number, results: GemmResults): string {
  const { rows } = tile.shape;
  const { pixels, channels } = region(tile);
  const vectors = channels / 4;
  return `for (var at = local; at < ${SUBGROUPS * rows * vectors}u; at += ${SUBGROUPS * tile.largestSubgroup}u) {
    let owner = at / ${rows * vectors}u;
    let pixel = first + owner / 2u * ${pixels}u + ${m * rows}u + at / ${vectors}u % ${rows}u;
    let storedVector = vector + owner % 2u * ${vectors}u + at % ${vectors}u;
    let sum = vec4<f32>(stagedSums[4u * at], stagedSums[4u * at + 1u], stagedSums[4u * at + 2u], stagedSums[4u * at + 3u]);
    ${results.store('pixel', ['storedVector'], [`sum + ${results.initial('storedVector')}`])}
  }`;
}
