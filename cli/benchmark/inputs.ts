import type { ModelInput, RawTensor } from '../../node.ts';

/** The same numbers for everyone: a slow wave through 0..1. */
export function makeInputs(inputs: readonly Pick<ModelInput, 'name' | 'dims'>[]): Record<string, RawTensor> {
  return Object.fromEntries(
    inputs.map(({ name, dims }) => {
      const count = dims.reduce((product, size) => product * size, 1);
      const data = Float32Array.from({ length: count }, (_, index) => 0.5 + 0.5 * Math.sin(index * 0.37));
      return [name, { type: 'float32', dims, data }];
    }),
  );
}
