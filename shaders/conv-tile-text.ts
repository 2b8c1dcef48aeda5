/**
 * The text that kernels with sums in registers have in common: a tile of `pixels` output pixels by `vectors` vec4s of output
 * channels for each invocation (conv-tiles.ts), in names that end in a number: those of pixel p, or of pixel p and vec4 q.
 * Such a kernel declares `group`, `vector` (the tile's first vec4 of the group's output channels), `local`, and with
 * `loaders` also `invocation`, the number within the subgroup.
 */

import type { ConvolutionBindings } from './conv-bindings.ts';
import type { DirectTile } from './conv-tiles.ts';
import { load, store } from './element-types.ts';
import { type EpilogueText, resultText } from './epilogue.ts';
import { channelVectors } from './feature-map.ts';
import type { FeatureMap, Parameter } from './kernel.ts';
import { range } from './range.ts';

/** What the division into tiles depends on. */
export interface TiledConvolution {
  readonly input: FeatureMap;
  readonly output: FeatureMap;
  readonly kernel: readonly [height: number, width: number];
  readonly groups: number;
  /** The sums begin with 0, whatever is bound as the bias. Default false. */
  readonly unbiased?: boolean;
}

/** How many tiles cover the output channels of a group. */
export function tilesPerGroup({ output, groups }: TiledConvolution, { vectors }: DirectTile): number {
  return Math.ceil(channelVectors(output) / groups / vectors);
}

/** What the texts below read of the parameters. */
export function tileParameters(convolution: TiledConvolution, tile: DirectTile): Parameter[] {
  const { input, output, kernel, groups, unbiased = false } = convolution;
  const inVectors = Math.ceil(channelVectors(input) / groups);
  const count = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  return [
    count('inVectors', inVectors),
    count('outVectors', Math.ceil(channelVectors(output) / groups)),
    count('tilesPerGroup', tilesPerGroup(convolution, tile)),
    count('rowLength', kernel[0] * kernel[1] * inVectors * 4),
    count('lastBias', unbiased ? 0 : channelVectors(output) - 1),
    { name: 'biasFactor', type: 'f32', value: unbiased ? 0 : 1 },
    count('tilePixels', tile.pixels),
  ];
}

/** The entry point's header: `workgroup`, `local` and, where the tile needs it, `invocation`. */
export function entryPointText({ loaders }: DirectTile): string {
  return `@main
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  ${loaders > 1 ? '@builtin(subgroup_invocation_id) invocation: u32,' : ''}
) {`;
}

/**
 * Declares sum{p}_{q}, which begin with the bias, and where this invocation's weights begin: weight{g} of blocks number g
 * where invocations load together, weight{q} otherwise.
 */
export function sumsText(tile: DirectTile): string {
  return tile.loaders > 1 ? broadcastSums(tile) : loadedSums(tile);
}

function broadcastSums({ pixels, vectors, loaders }: DirectTile): string {
  const sums = range(vectors).map((q) => {
    const others = range(pixels - 1).map((p) => `var sum${p + 1}_${q} = sum0_${q};`);
    return [`var sum0_${q} = subgroupBroadcast(biases, ${q}u);`, ...others].join(' ');
  });
  const blocks = loaders / 4;
  const weights = range(vectors / blocks).map(
    (g) => `let weight${g} = ${blockRow(`${blocks * g}u + (lane >> 2u)`)} + (lane & 3u);`,
  );
  return `let lane = invocation % ${loaders}u;
  let biases = ${biasText(`lane % ${vectors}u`)};
  ${[...sums, ...weights].join('\n  ')}`;
}

function loadedSums(tile: DirectTile): string {
  return range(tile.vectors)
    .flatMap((q) => [
      `var sum0_${q} = ${biasText(`${q}u`)};`,
      ...range(tile.pixels - 1).map((p) => `var sum${p + 1}_${q} = sum0_${q};`),
      `let weight${q} = ${blockRow(`${q}u`)};`,
    ])
    .join('\n  ');
}

/** The bias of that output vec4. Without one, parameters say so, so that it is the same pipeline. */
function biasText(offset: string): string {
  return `params.biasFactor * bias[min(${outputVector(offset)}, params.lastBias)]`;
}

/** The output vec4 that is `offset` after the tile's first, or the group's last one. */
function outputVector(offset: string): string {
  return `group * params.outVectors + min(vector + ${offset}, params.outVectors - 1u)`;
}

/** Where the blocks of that output vec4 begin: `rowLength` vec4s for each, four for each tap and input vec4. */
function blockRow(offset: string): string {
  return `(${outputVector(offset)}) * params.rowLength`;
}

/**
 * Adds the products of one input vec4 of each pixel, input{p}, and the blocks of all the tile's output channels. `block`
 * counts the vec4s of weights passed since the beginning of each row of blocks.
 */
export function productsText(
  { pixels, vectors, loaders, lanes }: DirectTile,
  { weights }: ConvolutionBindings,
  block: string,
): string[] {
  const blocks = loaders / 4;
  return range(vectors).flatMap((q) => {
    const group = Math.floor(q / blocks);
    const row = (channel: number) =>
      loaders > 1
        ? `subgroupBroadcast(loaded${group}, ${4 * (q % blocks) + channel}u)`
        : load(weights, `weight${q} + ${block} + ${channel}u`);
    // One addition to the sum for each product takes 0.9 of the time of adding the four products first, on llvmpipe.
    const sums = range(pixels).flatMap((p) =>
      LANES.slice(0, lanes).map((lane, channel) => `sum${p}_${q} += input${p}.${lane} * w${q}_${channel};`),
    );
    return [
      ...(loaders > 1 && q % blocks === 0
        ? [`let loaded${group} = ${load(weights, `weight${group} + ${block}`)};`]
        : []),
      ...range(lanes).map((channel) => `let w${q}_${channel} = ${row(channel)};`),
      ...sums,
    ];
  });
}

const LANES = ['x', 'y', 'z', 'w'] as const;

/** The vec4s of one pixel: sum{p}_{q}, at `output + q`, with the residual at `residual + q`, where `inside`. */
export function pixelStores(
  { vectors }: DirectTile,
  bindings: ConvolutionBindings,
  epilogue: EpilogueText,
  p: number,
  { inside, output, residual }: { readonly inside: string; readonly output: string; readonly residual: string },
): string {
  return range(vectors)
    .map((q) => {
      const result = resultText(epilogue, bindings.residual, {
        name: `result${q}`,
        sum: `sum${p}_${q}`,
        place: `${residual} + select(0u, ${q}u, exists${q})`,
        exists: `exists${q}`,
      });
      return `let exists${q} = ${q === 0 ? inside : `${inside} && vector + ${q}u < params.outVectors`};
    ${result}
    if (exists${q}) { ${store(bindings.output, `${output} + ${q}u`, `result${q}`)} }`;
    })
    .join('\n    ');
}

/**
 * `stores`, of pixel 0, for every pixel: a loop in which the sums, and what else `moved` says, move up by one pixel with each
 * turn. Every place in the text that reads or writes memory costs time to compile, and an array that is indexed by a loop's
 * variable is read lane by lane; on llvmpipe this takes 0.9 to 0.98 of the time of such an array.
 * The loop's bound is no constant, lest a driver unrolls it again.
 */
export function loopedStores({ pixels, vectors }: DirectTile, stores: string, moved: readonly string[] = []): string {
  const moves = range(pixels - 1).flatMap((p) => [
    ...moved.map((name) => `${name}${p} = ${name}${p + 1};`),
    ...range(vectors).map((q) => `sum${p}_${q} = sum${p + 1}_${q};`),
  ]);
  return `for (var step = 0u; step < params.tilePixels; step++) {
    ${[stores, ...moves].join('\n    ')}
  }`;
}
