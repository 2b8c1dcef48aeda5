import type { ModelFile, StoredTensor } from '../../loader/model-file.ts';

/** Elements that are kept of a tensor of weights; the others repeat them, which keeps their size ordinary. */
const PERIOD = 256;

/** Shapes, scales and thresholds are smaller, and what they say matters. */
const LEAST_ELEMENTS = 4 * PERIOD;

const FLOAT_BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2 };

/**
 * Overwrites a network's weights in the bytes that it was parsed from: all but the first elements of every large tensor of
 * floats.
 * @returns how many bytes were overwritten
 */
export function repeatWeights({ tensors, graph }: ModelFile): number {
  const attributes = (graph?.nodes ?? []).flatMap((node) => [...node.attributes.values()]);
  const constants = attributes.flatMap((attribute) => (attribute.kind === 'tensor' ? [attribute.value] : []));
  return [...tensors.values(), ...constants].reduce((total, tensor) => total + repeat(tensor), 0);
}

function repeat({ type, bytes }: StoredTensor): number {
  const period = PERIOD * (FLOAT_BYTES[type] ?? Number.POSITIVE_INFINITY);
  if (bytes.length < period * (LEAST_ELEMENTS / PERIOD)) return 0;
  for (let start = period; start < bytes.length; start += period) {
    bytes.copyWithin(start, 0, Math.min(period, bytes.length - start));
  }
  return bytes.length - period;
}
