/**
 * Split sums (split-K): several workgroups compute each tile of an implicit GEMM, each over a part of the terms, and a
 * second dispatch adds up what they found. For small maps with many channels, whose tiles alone are too few to fill a
 * graphics card.
 *
 * FLOPs: those of the product, and one for each partial sum. Bytes: those of the product, and 8 for each partial sum, of
 * which there are `splits` for each element of the output.
 */

import { implicitGemmKernel } from './conv-2d-implicit-gemm.ts';
import { convolutionBindings } from './conv-bindings.ts';
import type { ConvolutionCandidate } from './conv-candidate.ts';
import type { GemmConvolution } from './conv-gemm.ts';
import { PARTIAL_SUMS, partialSumElements } from './conv-gemm-results.ts';
import { type GemmTile, gemmTileName } from './conv-gemm-tiles.ts';
import { FLAT_INDEX, flatDispatch } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { epilogueLabel, epilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Kernel } from './kernel.ts';

const WORKGROUP_SIZE = 64;

/** Two dispatches where the tile splits its sums, one where it doesn't. */
export function gemmCandidate(convolution: GemmConvolution, tile: GemmTile): ConvolutionCandidate {
  const product = {
    name: gemmTileName(tile),
    weights: 'blocks',
    build: () => [implicitGemmKernel(convolution, tile)],
  } as const;
  if (tile.splits === 1) return product;
  const elements = partialSumElements(convolution, tile.splits);
  return {
    ...product,
    build: () => [...product.build(), sumKernel(convolution, tile.splits)],
    scratch: [{ name: PARTIAL_SUMS.name, element: PARTIAL_SUMS.element, elements }],
  };
}

/**
 * Adds up the partial sums and the bias, a vec4 of the output for each invocation, always in the same order.
 * Bindings: partialSums, bias, residual where there is one, output.
 */
function sumKernel(convolution: GemmConvolution, splits: number): Kernel {
  const { output, residual, name, kernel } = convolution;
  const { bias, residual: added, output: written } = convolutionBindings(convolution, 4);
  const epilogue = epilogueText(convolution.epilogue);
  const pixels = output.batch * output.height * output.width;
  const vectors = channelVectors(output);
  const dispatch = flatDispatch(pixels * vectors, WORKGROUP_SIZE);
  const place = (map: string, y: string, x: string) =>
    `params.${map}Offset + image * params.${map}ImageStride + (${y} * params.${map}Width + ${x}) * params.${map}PixelStride + vector`;
  const residualPlace = place('residual', epilogue.residualCoordinate('y'), epilogue.residualCoordinate('x'));
  const sum = added ? `sum, ${load(added, residualPlace)}` : 'sum';
  return {
    label: `${name} ${kernel.join('x')} sum of ${splits} parts${epilogueLabel(convolution.epilogue)}`,
    bindings: [{ ...PARTIAL_SUMS, access: 'read' }, bias, ...(added ? [added] : []), written],
    parameters: [
      ...mapParameters('output', output),
      ...(residual ? mapParameters('residual', residual) : []),
      ...epilogue.parameters,
      ...dispatch.parameters,
      { name: 'splits', type: 'u32', value: splits },
      { name: 'channelVectors', type: 'u32', value: vectors },
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `${epilogue.definition}
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${FLAT_INDEX}
  let pixel = index / params.channelVectors;
  let vector = index - pixel * params.channelVectors;
  let line = pixel / params.outputWidth;
  let x = pixel - line * params.outputWidth;
  let image = line / params.outputHeight;
  let y = line - image * params.outputHeight;
  var sum = bias[vector];
  for (var split = 0u; split < params.splits; split++) { sum += partialSums[split * params.dispatchCount + index]; }
  ${store(written, place('output', 'y', 'x'), `epilogue(${sum})`)}
}
`,
  };
}
