/**
 * Implicit GEMM through workgroup memory: in each step the invocations of a workgroup copy a tile of the input (pixels x
 * depth channels) and one of the weights (depth x output channels) into workgroup memory, and each multiplies its part of
 * them, some pixels by some vec4s of channels, into sums that it holds in registers.
 *
 * FLOPs: 2 * pixels * output channels * input channels / groups * kernel area, each of the first three filled up to the
 * tile. Bytes: weights, residual and output once for each tile, and the input once for each tile of channels; through the
 * cache, a step reads (pixels + channels) * depth elements for 2 * pixels * channels * depth FLOPs: a tile of 64 x 64 in
 * float32 does 16 FLOPs for each byte, one of 128 x 128 32. Through workgroup memory, an invocation of p x c sums reads
 * 4 * (p + c) bytes for 2 * p * c FLOPs: 1 FLOP for each byte with 4 x 4 sums, 2 with 8 x 8.
 *
 * On llvmpipe, relative to the direct kernel chosen there (3 x 3, 64 channels of 40 x 40), 64x64 with 4 x 4 sums reaches 0.2
 * of the speed, 128x64 with 8 x 8 sums 0.35, and they take twenty to a hundred times as long to compile: workgroup memory is
 * memory like any other there, and barriers cost. On graphics cards nothing here has been measured yet.
 */

import { convolutionBindings } from './conv-bindings.ts';
import { type GemmConvolution, gemmSize, gemmWorkgroups, tileText } from './conv-gemm.ts';
import { type GemmOperands, gemmOperands, weightRow } from './conv-gemm-operands.ts';
import { finalResults, type GemmResults, partialResults } from './conv-gemm-results.ts';
import { type GemmTile, gemmTileName, invocationGrid, operandType, stagedRows } from './conv-gemm-tiles.ts';
import { epilogueLabel } from './epilogue.ts';
import { type Kernel, uniqueParameters } from './kernel.ts';
import { range } from './range.ts';

/**
 * The layer in one dispatch, or the partial sums of one that is split. Bindings: input, weights, bias, residual where there
 * is one, output; input, weights, partialSums where it is split.
 */
export function implicitGemmKernel(convolution: GemmConvolution, tile: GemmTile): Kernel {
  const split = tile.splits > 1;
  const size = gemmSize(convolution);
  const results = split ? partialResults(convolution) : finalResults(convolution);
  const type = operandType(tile);
  const operands = gemmOperands(convolution, convolutionBindings(convolution, 4), tile.depth / 4, type);
  const { columns, rows } = invocationGrid(tile);
  const { workgroups, parameters } = gemmWorkgroups(size, tile);
  const { name, kernel, epilogue } = convolution;
  return {
    label: `${name} ${kernel.join('x')} ${gemmTileName(tile)}${split ? ' partial sums' : epilogueLabel(epilogue)}`,
    bindings: results.bindings,
    parameters: uniqueParameters([
      ...operands.parameters,
      ...results.parameters,
      ...parameters,
      { name: 'inVectors', type: 'u32', value: size.inVectors },
      { name: 'outVectors', type: 'u32', value: size.outVectors },
    ]),
    workgroupSize: [columns * rows, 1, 1],
    workgroups,
    body: bodyText(convolution, tile, operands, results),
  };
}

/**
 * An invocation's pixels are a grid's rows apart, and its vec4s of channels a grid's columns, so that neighbours read and
 * write neighbouring vec4s.
 */
function bodyText(convolution: GemmConvolution, tile: GemmTile, operands: GemmOperands, results: GemmResults): string {
  const { columns, rows } = invocationGrid(tile);
  const { pixels, vectors } = sumsOf(tile);
  const names = pixels.map((p) => vectors.map((v) => `sum${p}_${v}`));
  const staging = stagingText(tile, operands);
  const stores = pixels.map((p) =>
    results.store(
      `(first + row + ${p * rows}u)`,
      vectors.map((v) => `vector${v}`),
      names[p],
    ),
  );
  return `${results.definitions}${operands.definitions}${staging.definitions}
@main
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  ${tileText(convolution, tile)}
  let column = local % ${columns}u;
  let row = local / ${columns}u;
  ${vectors.map((v) => `let vector${v} = vector + column + ${v * columns}u;`).join('\n  ')}
  ${vectors.map((v) => pixels.map((p) => `var ${names[p][v]} = ${p === 0 ? results.initial(`vector${v}`) : names[0][v]};`).join(' ')).join('\n  ')}
  ${operands.count}
  let begin = split * steps / params.splits;
  let end = (split + 1u) * steps / params.splits;
  ${operands.start}
  ${staging.start}
  ${tile.buffers === 2 ? overlappedSteps(tile, operands, staging) : separateSteps(tile, operands, staging)}
  ${stores.join('\n  ')}
}
`;
}

/** Stage, wait, multiply, wait. */
function separateSteps(tile: GemmTile, operands: GemmOperands, staging: Staging): string {
  return `for (var s = begin; s < end; s++) {
    {
      ${operands.step}
      ${staging.read}
      ${staging.write('0u')}
    }
    ${operands.advance}
    workgroupBarrier();
    ${multiplyText(tile, '0u')}
    workgroupBarrier();
  }`;
}

/** What the next step needs is on its way from memory while this one multiplies; one barrier for each step. */
function overlappedSteps(tile: GemmTile, operands: GemmOperands, staging: Staging): string {
  return `{
    ${operands.step}
    ${staging.read}
    ${staging.write('0u')}
  }
  var buffer = 0u;
  for (var s = begin; s < end; s++) {
    ${operands.advance}
    workgroupBarrier();
    ${operands.step}
    ${staging.read}
    ${multiplyText(tile, 'buffer')}
    buffer = 1u - buffer;
    ${staging.write('buffer')}
  }`;
}

/** How a workgroup copies the tiles of a step. */
interface Staging {
  readonly definitions: string;
  /** Which vec4s this invocation copies. */
  readonly start: string;
  /** Reads them from memory: declares `input{i}` and `weight{i}`. */
  readonly read: string;
  readonly write: (buffer: string) => string;
}

/**
 * Both tiles lie with the term outside: [vec4 of input channels][pixel], [input channel][vec4 of output channels]. Their
 * rows are one vec4 longer than what is in them, so that the copies, which go along the terms as memory does, touch
 * different banks.
 */
function stagingText(tile: GemmTile, operands: GemmOperands): Staging {
  const { columns, rows } = invocationGrid(tile);
  const invocations = columns * rows;
  const type = operandType(tile);
  const lanes = tile.depth / 4;
  const { inputRow, weightRow: weightStride, inputSize, weightSize } = stagedRows(tile);
  const inputs = range(Math.ceil((tile.pixels * lanes) / invocations));
  const weights = range(Math.ceil((tile.depth * tile.channels) / 4 / invocations));
  const pixel = (i: number) => `copiedPixel + ${(i * invocations) / lanes}u`;
  const vector = (i: number) => `copiedVector + ${(i * invocations) / tile.depth}u`;
  /** Not all invocations have something to copy in the last turn, where the tile is no multiple of their number. */
  const guarded = (index: string, count: number, i: number, all: number, statement: string) =>
    (i + 1) * all > count ? `if (${index} < ${count}u) { ${statement} }` : statement;
  return {
    definitions: `var<workgroup> stagedInput: array<vec4<${type}>, ${inputSize * tile.buffers}>;
var<workgroup> stagedWeights: array<vec4<${type}>, ${weightSize * tile.buffers}>;
`,
    start: `let copiedLane = local % ${lanes}u;
  let copiedPixel = local / ${lanes}u;
  let copiedChannel = local % ${tile.depth}u;
  let copiedVector = local / ${tile.depth}u;
  ${inputs.map((i) => `let source${i} = sourceOf(first + ${pixel(i)}, group);`).join('\n  ')}
  ${weights.map((i) => `let weights${i} = ${weightRow(`vector + ${vector(i)}`)};`).join('\n  ')}`,
    read: [
      ...inputs.map((i) => `let input${i} = ${operands.input(`source${i}`, 'copiedLane')};`),
      ...weights.map((i) => `let weight${i} = ${operands.weight(`weights${i}`, 'copiedChannel')};`),
    ].join('\n    '),
    write: (buffer) =>
      [
        ...inputs.map((i) => {
          const at = `${buffer} * ${inputSize}u + copiedLane * ${inputRow}u + ${pixel(i)}`;
          return guarded(pixel(i), tile.pixels, i, invocations / lanes, `stagedInput[${at}] = input${i};`);
        }),
        ...weights.map((i) => {
          const at = `${buffer} * ${weightSize}u + copiedChannel * ${weightStride}u + ${vector(i)}`;
          return guarded(
            vector(i),
            tile.channels / 4,
            i,
            invocations / tile.depth,
            `stagedWeights[${at}] = weight${i};`,
          );
        }),
      ].join('\n    '),
  };
}

/** The products of a step. With float16 products, a step's sums are float16 too, and are added up in float32. */
function multiplyText(tile: GemmTile, buffer: string): string {
  const { columns, rows } = invocationGrid(tile);
  const { pixels, vectors } = sumsOf(tile);
  const { inputRow, weightRow: weightStride, inputSize, weightSize } = stagedRows(tile);
  const half = tile.precision === 'f16 products';
  const convert = tile.precision === 'f16 staged' ? 'vec4<f32>' : '';
  const sum = half ? 'part' : 'sum';
  const lanes = range(tile.depth / 4).map((lane) => {
    const inputs = pixels.map((p) => {
      return `let i${p} = ${convert}(stagedInput[inputBegin + ${lane * inputRow + p * rows}u]);`;
    });
    const channels = ['x', 'y', 'z', 'w'].flatMap((component, channel) => [
      ...vectors.map((v) => {
        const at = `weightBegin + ${(lane * 4 + channel) * weightStride + v * columns}u`;
        return `let w${v}_${channel} = ${convert}(stagedWeights[${at}]);`;
      }),
      ...pixels.flatMap((p) => vectors.map((v) => `${sum}${p}_${v} += i${p}.${component} * w${v}_${channel};`)),
    ]);
    return `{
      ${[...inputs, ...channels].join('\n      ')}
    }`;
  });
  const all = pixels.flatMap((p) => vectors.map((v) => `${p}_${v}`));
  return [
    `let inputBegin = ${buffer} * ${inputSize}u + row;`,
    `let weightBegin = ${buffer} * ${weightSize}u + column;`,
    ...(half ? all.map((n) => `var part${n} = vec4<f16>(0);`) : []),
    ...lanes,
    ...(half ? all.map((n) => `sum${n} += vec4<f32>(part${n});`) : []),
  ].join('\n    ');
}

/** Numbers of an invocation's pixels and vec4s of channels. */
function sumsOf({ invocation }: GemmTile): { pixels: number[]; vectors: number[] } {
  return { pixels: range(invocation.pixels), vectors: range(invocation.channels / 4) };
}
