import type { ElementKind, TensorType } from './tensor.ts';
import { ShapeError } from './tensor.ts';

/** Checks that type rules of several ops share. Each throws `ShapeError`; `what` names the op and the input. */

export function requireInputs(what: string, inputs: readonly TensorType[], count: number): void {
  if (inputs.length !== count) throw new ShapeError(`${what} takes ${count} inputs, it has ${inputs.length}`);
}

export function requireKind(what: string, input: TensorType, ...kinds: readonly ElementKind[]): void {
  if (!kinds.includes(input.kind)) throw new ShapeError(`${what} must be ${kinds.join(' or ')}, it is ${input.kind}`);
}

export function requireRank(what: string, input: TensorType, rank: number): void {
  if (input.shape.length !== rank) {
    throw new ShapeError(`${what} must have ${rank} dimensions, its shape is [${input.shape}]`);
  }
}

export function requireAxis(what: string, axis: number, input: TensorType): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= input.shape.length) {
    throw new ShapeError(`${what}: axis ${axis} is outside shape [${input.shape}]`);
  }
}

/** One integer per axis, none below `minimum`. */
export function requirePerAxis(what: string, numbers: readonly number[], rank: number, minimum = -Infinity): void {
  if (numbers.length !== rank) throw new ShapeError(`${what} has ${numbers.length} numbers for ${rank} axes`);
  if (!numbers.every((number) => Number.isInteger(number) && number >= minimum)) {
    const expected = minimum === -Infinity ? 'integers' : `integers from ${minimum}`;
    throw new ShapeError(`${what} must be ${expected}, they are [${numbers}]`);
  }
}
