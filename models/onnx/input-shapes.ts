import { InvalidArgumentError, ModelFormatError } from '../../engine/errors.ts';
import type { Shape } from '../../engine/graph/types.ts';
import type { FileValue } from '../../loader/model-file.ts';

/**
 * The shapes that a graph is specialised to: the file's, with the dimensions it leaves open taken from the caller. A
 * symbol that several inputs share has one value; an open first dimension is a batch of 1 unless the caller says more.
 * @throws InvalidArgumentError where the caller contradicts the file or leaves a dimension open
 */
export function bindInputShapes(
  source: string,
  inputs: readonly FileValue[],
  given: Readonly<Record<string, Shape>>,
): ReadonlyMap<string, Shape> {
  for (const name of Object.keys(given)) {
    if (!inputs.some((input) => input.name === name)) {
      const known = inputs.map((input) => `"${input.name}"`).join(', ');
      throw new InvalidArgumentError(`${source} has no input "${name}"; its inputs are ${known}`);
    }
  }
  const symbols = new Map<string, number>();
  for (const input of inputs) collectSymbols(source, input, given[input.name], symbols);
  return new Map(inputs.map((input) => [input.name, bind(source, input, given[input.name], symbols)]));
}

export function describeDims(dims: readonly (number | string)[]): string {
  return dims.join('x');
}

function collectSymbols(
  source: string,
  input: FileValue,
  shape: Shape | undefined,
  symbols: Map<string, number>,
): void {
  if (!shape) return;
  if (shape.length !== input.dims.length || !shape.every((size) => Number.isInteger(size) && size > 0)) {
    throw mismatch(source, input, shape);
  }
  input.dims.forEach((dim, axis) => {
    if (typeof dim === 'number' ? dim !== shape[axis] : (symbols.get(dim) ?? shape[axis]) !== shape[axis]) {
      throw mismatch(source, input, shape);
    }
    if (typeof dim === 'string' && dim !== '?') symbols.set(dim, shape[axis]);
  });
}

function mismatch(source: string, input: FileValue, shape: Shape): InvalidArgumentError {
  const stated = describeDims(input.dims);
  return new InvalidArgumentError(`${source}: input "${input.name}" is ${stated}, it can't be ${describeDims(shape)}`);
}

function bind(source: string, input: FileValue, shape: Shape | undefined, symbols: ReadonlyMap<string, number>): Shape {
  const bound = input.dims.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    return shape?.[axis] ?? symbols.get(dim) ?? (axis === 0 ? 1 : undefined);
  });
  const open = bound.indexOf(undefined);
  if (open >= 0) {
    throw new InvalidArgumentError(
      `${source}: input "${input.name}" is ${describeDims(input.dims)}; state a shape for it, dimension ${open} is open`,
    );
  }
  const dims = bound as number[];
  if (dims.some((dim) => dim < 1)) {
    throw new ModelFormatError(`${source}: input "${input.name}" is ${describeDims(dims)}, which has no elements`);
  }
  return dims;
}
