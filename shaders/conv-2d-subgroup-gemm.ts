/**
 * Implicit GEMM whose input goes through the registers of a subgroup: all invocations of a workgroup sum up the same
 * pixels, each for channels of its own. The first few of each subgroup read a pixel's vec4 each, and broadcast it; weights
 * come from memory, each by the only invocation that needs it. No workgroup memory and no barriers.
 *
 * FLOPs: as of any implicit GEMM. Bytes: input once for each tile of channels, weights once for each tile of pixels; through
 * the cache, a step of four input channels reads 16 * pixels bytes for each subgroup, and 64 bytes for each vec4 of output
 * channels of each invocation, for 32 * pixels FLOPs. One broadcast of a vec4 for every 4 * vectors products of vec4s: free
 * on Intel's cards, whose instructions address any lane's registers, and as dear as workgroup memory on NVIDIA's.
 *
 * Right for subgroups of any size that has as many invocations as there are loaders; sizes may differ between pipelines, and
 * how invocations are numbered within a subgroup doesn't matter, for whatever is exchanged is the same in the whole
 * workgroup. On llvmpipe it has 0.8 of the speed of the direct kernel chosen there, whose weights are exchanged instead.
 */

import { convolutionBindings } from './conv-bindings.ts';
import { type GemmConvolution, type GemmDivision, gemmSize, gemmWorkgroups, tileText } from './conv-gemm.ts';
import { gemmOperands, weightRow } from './conv-gemm-operands.ts';
import { finalResults } from './conv-gemm-results.ts';
import { epilogueLabel } from './epilogue.ts';
import { type Kernel, uniqueParameters } from './kernel.ts';
import type { KernelDevice } from './kernel-device.ts';
import { range } from './range.ts';

export interface SubgroupTile {
  /** Output pixels of the workgroup: a multiple of the loaders. */
  readonly pixels: number;
  /** vec4s of output channels of one invocation, a workgroup's size apart. */
  readonly vectors: number;
  /** How many invocations of a subgroup read input: no subgroup of the device has fewer. */
  readonly loaders: 4 | 8;
  /** Invocations: a multiple of the loaders. */
  readonly workgroup: number;
  /** vec4s of input channels of a step. */
  readonly lanes: 1 | 2;
}

export function subgroupTileName({ pixels, vectors, loaders, workgroup }: SubgroupTile): string {
  return `subgroup gemm ${pixels}x${workgroup * vectors * 4} ${pixels}x${vectors * 4} broadcast${loaders}`;
}

/** The tile for a group of so many channels; none where subgroups or channels are too few to share anything. */
export function subgroupTile(outVectors: number, inVectors: number, device: KernelDevice): SubgroupTile | undefined {
  if (device.smallestSubgroup < 4 || outVectors < FEWEST_INVOCATIONS) return undefined;
  const vectors = outVectors >= 4 * FEWEST_INVOCATIONS ? 2 : 1;
  const workgroup = outVectors / vectors >= 2 * FEWEST_INVOCATIONS ? 2 * FEWEST_INVOCATIONS : FEWEST_INVOCATIONS;
  return {
    pixels: 8,
    vectors,
    loaders: device.smallestSubgroup >= 8 ? 8 : 4,
    workgroup,
    lanes: inVectors % 2 === 0 ? 2 : 1,
  };
}

/** A whole subgroup on Intel's cards. */
const FEWEST_INVOCATIONS = 16;

/** Bindings: input, weights, bias, residual where there is one, output. */
export function subgroupGemmKernel(convolution: GemmConvolution, tile: SubgroupTile): Kernel {
  const size = gemmSize(convolution);
  const division: GemmDivision = { pixels: tile.pixels, channels: tile.workgroup * tile.vectors * 4, splits: 1 };
  const { workgroups, parameters } = gemmWorkgroups(size, division);
  const results = finalResults(convolution);
  const operands = gemmOperands(convolution, convolutionBindings(convolution, 4), tile.lanes, 'f32');
  const { name, kernel, epilogue } = convolution;

  const vectors = range(tile.vectors);
  const pixels = range(tile.pixels);
  const reads = range(tile.pixels / tile.loaders);
  const names = pixels.map((p) => vectors.map((v) => `sum${p}_${v}`));
  const products = range(tile.lanes).flatMap((lane) => [
    ...reads.map((r) => `let read${r}_${lane} = ${operands.input(`source${r}`, `${lane}u`)};`),
    ...pixels.map((p) => {
      const read = `read${Math.floor(p / tile.loaders)}_${lane}`;
      return `let i${p}_${lane} = subgroupBroadcast(${read}, ${p % tile.loaders}u);`;
    }),
    ...vectors.flatMap((v) =>
      ['x', 'y', 'z', 'w'].flatMap((component, channel) => {
        const weight = `w${v}_${lane}_${channel}`;
        return [
          `let ${weight} = ${operands.weight(`weights${v}`, `${4 * lane + channel}u`)};`,
          ...pixels.map((p) => `${names[p][v]} += i${p}_${lane}.${component} * ${weight};`),
        ];
      }),
    ),
  ]);
  const stores = pixels.map((p) =>
    results.store(
      `(first + ${p}u)`,
      vectors.map((v) => `vector${v}`),
      names[p],
    ),
  );
  return {
    label: `${name} ${kernel.join('x')} ${subgroupTileName(tile)}${epilogueLabel(epilogue)}`,
    bindings: results.bindings,
    parameters: uniqueParameters([
      ...operands.parameters,
      ...results.parameters,
      ...parameters,
      { name: 'inVectors', type: 'u32', value: size.inVectors },
      { name: 'outVectors', type: 'u32', value: size.outVectors },
    ]),
    workgroupSize: [tile.workgroup, 1, 1],
    workgroups,
    features: ['subgroups'],
    body: `${results.definitions}${operands.definitions}
@main
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  ${tileText(convolution, division)}
  let loader = invocation % ${tile.loaders}u;
  ${reads.map((r) => `let source${r} = sourceOf(first + ${r * tile.loaders}u + loader, group);`).join('\n  ')}
  ${vectors
    .map(
      (v) => `let vector${v} = vector + local + ${v * tile.workgroup}u;
  let weights${v} = ${weightRow(`vector${v}`)};
  ${pixels.map((p) => `var ${names[p][v]} = ${p === 0 ? results.initial(`vector${v}`) : names[0][v]};`).join(' ')}`,
    )
    .join('\n  ')}
  ${operands.count}
  let begin = 0u;
  ${operands.start}
  for (var s = begin; s < steps; s++) {
    ${operands.step}
    ${products.join('\n    ')}
    ${operands.advance}
  }
  ${stores.join('\n  ')}
}
`,
  };
}
