import type { ModelInput, RawTensor } from '../../node.ts';

/** The same numbers for everyone: a slow wave through 0..1. */
export function makeInputs(inputs: readonly Pick<ModelInput, 'name' | 'dims'>[]): Record<string, RawTensor> {
  return Object.fromEntries(
    inputs.map(({ name, dims }) => {
      const count = dims.reduce((product, size) => product * size, 1);
      return [name, { type: 'float32', dims, data: wave(count) }];
    }),
  );
}

const PERIOD = 65536;

/** Repeats itself: a batch of pictures has tens of millions of numbers. */
function wave(count: number): Float32Array {
  const data = new Float32Array(count);
  for (let index = 0; index < Math.min(count, PERIOD); index++) data[index] = 0.5 + 0.5 * Math.sin(index * 0.37);
  for (let start = PERIOD; start < count; start += PERIOD) data.copyWithin(start, 0, Math.min(PERIOD, count - start));
  return data;
}
