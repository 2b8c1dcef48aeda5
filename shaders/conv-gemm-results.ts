/**
 * Where the kernels for implicit GEMM put a tile's sums, as WGSL: through the epilogue into the output, or as they are into
 * scratch memory, where several workgroups share the terms of a sum.
 */

import { bindingList, convolutionBindings } from './conv-bindings.ts';
import type { GemmConvolution } from './conv-gemm.ts';
import { PLACE_OF, placeParameters } from './conv-gemm-operands.ts';
import { load, store } from './element-types.ts';
import { epilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Binding, Parameter } from './kernel.ts';

export interface GemmResults {
  readonly bindings: readonly Binding[];
  readonly parameters: readonly Parameter[];
  /** Module scope. */
  readonly definitions: string;
  /** What a sum begins with: vec4<f32>, for the output vec4 `vector` of the group, which may lie beyond it. */
  readonly initial: (vector: string) => string;
  /**
   * A block of statements that stores what belongs to one pixel, if it exists.
   * @param pixel its number
   * @param vectors WGSL of output vec4s in the group, which may lie beyond it
   * @param sums WGSL of their sums
   */
  readonly store: (pixel: string, vectors: readonly string[], sums: readonly string[]) => string;
}

/** The output: the sums begin with the bias, and pass through the epilogue. */
export function finalResults(convolution: GemmConvolution): GemmResults {
  const { output, residual, geometry } = convolution;
  const bindings = convolutionBindings(convolution, 4);
  const epilogue = epilogueText(convolution.epilogue);
  return {
    bindings: bindingList(bindings),
    parameters: [
      ...placeParameters(convolution),
      ...mapParameters('output', output),
      ...(residual ? mapParameters('residual', residual) : []),
      ...epilogue.parameters,
    ],
    definitions: `${PLACE_OF}${epilogue.definition}`,
    initial: (vector) => `bias[group * params.outVectors + min(${vector}, params.outVectors - 1u)]`,
    store: (pixel, vectors, sums) => {
      const entry = (name: string, y: string, x: string) =>
        [
          `let ${name}Place = params.${name}Offset + place.x * params.${name}ImageStride`,
          ` + (${y} * params.${name}Width + ${x}) * params.${name}PixelStride + group * params.outVectors;`,
        ].join('');
      const { residualCoordinate } = epilogue;
      const places = [
        entry('output', 'y', 'x'),
        ...(residual ? [entry('residual', residualCoordinate('y'), residualCoordinate('x'))] : []),
      ];
      const stores = sums.map((sum, n) => {
        const added = bindings.residual ? `, ${load(bindings.residual, `residualPlace + ${vectors[n]}`)}` : '';
        const text = store(bindings.output, `outputPlace + ${vectors[n]}`, `epilogue(${sum}${added})`);
        return `if (${vectors[n]} < params.outVectors) { ${text} }`;
      });
      return existingPixel(geometry, pixel, [...places, ...stores]);
    },
  };
}

/** The scratch tensor of partial sums: [splits][images, rows, columns of the output][vec4s of channels], float32. */
export const PARTIAL_SUMS: Binding = { name: 'partialSums', element: 'f32', vector: 4, access: 'write' };

export function partialSumElements({ output }: GemmConvolution, splits: number): number {
  return splits * output.batch * output.height * output.width * channelVectors(output) * 4;
}

/** Partial sums of split number `split`: they begin with zero. */
export function partialResults(convolution: GemmConvolution): GemmResults {
  const { output, geometry } = convolution;
  const { input, weights } = convolutionBindings(convolution, 4);
  return {
    bindings: [input, weights, PARTIAL_SUMS],
    parameters: [
      ...placeParameters(convolution),
      { name: 'outputHeight', type: 'u32', value: output.height },
      { name: 'outputWidth', type: 'u32', value: output.width },
      { name: 'images', type: 'u32', value: output.batch },
      { name: 'channelVectors', type: 'u32', value: channelVectors(output) },
    ],
    definitions: PLACE_OF,
    initial: () => 'vec4<f32>(0)',
    store: (pixel, vectors, sums) => {
      const line = '((split * params.images + place.x) * params.outputHeight + y) * params.outputWidth + x';
      const stores = sums.map((sum, n) => {
        return `if (${vectors[n]} < params.outVectors) { partialSums[sumPlace + ${vectors[n]}] = ${sum}; }`;
      });
      const entry = `let sumPlace = (${line}) * params.channelVectors + group * params.outVectors;`;
      return existingPixel(geometry, pixel, [entry, ...stores]);
    },
  };
}

/** Statements that may use `place`, and `y` and `x` in the output; done only for pixels that exist. */
function existingPixel(geometry: GemmConvolution['geometry'], pixel: string, statements: readonly string[]): string {
  return `{
    let place = placeOf(${pixel});
    let y = ${geometry.outputRow('place.y')};
    let x = ${geometry.outputColumn('place.z')};
    if (${pixel} <= params.lastPixel && y < params.outputHeight && x < params.outputWidth) {
      ${statements.join('\n      ')}
    }
  }`;
}
