import { evaluatorOf, type UnaryFunction } from './functions.ts';
import { elementCount, sameShape } from './indexing.ts';
import type { DenseTensor, Shape, TensorType } from './tensor.ts';
import { ShapeError } from './tensor.ts';

/** A function of each element, or the addition of `scale` times the residual (at most one, the last input). */
export type EpilogueStep = UnaryFunction | AddResidual;

export interface AddResidual {
  readonly name: 'addResidual';
  readonly scale: number;
}

/** Type rules of an epilogue: at most one residual, of the output's shape; throws `ShapeError`. */
export function checkEpilogue(
  what: string,
  epilogue: readonly EpilogueStep[],
  residual: TensorType | undefined,
  output: Shape,
): void {
  const additions = epilogue.filter((step) => step.name === 'addResidual').length;
  if (additions > 1) throw new ShapeError(`${what}: the epilogue adds ${additions} residuals, at most one is possible`);
  if (residual && (residual.kind !== 'float' || !sameShape(residual.shape, output))) {
    const given = `${residual.kind} [${residual.shape}]`;
    throw new ShapeError(`${what}: the residual must be float [${output}] as the output, it is ${given}`);
  }
}

export function addsResidual(epilogue: readonly EpilogueStep[]): boolean {
  return epilogue.some((step) => step.name === 'addResidual');
}

/** A function of an element counts as one operation, whatever it is. */
export function epilogueFlops(epilogue: readonly EpilogueStep[], output: Shape): number {
  const perElement = epilogue.reduce((sum, step) => sum + (step.name === 'addResidual' && step.scale !== 1 ? 2 : 1), 0);
  return perElement * elementCount(output);
}

/** Runs the steps in place. */
export function applyEpilogue(
  output: Float64Array,
  epilogue: readonly EpilogueStep[],
  residual: DenseTensor | undefined,
): void {
  for (const step of epilogue) {
    if (step.name === 'addResidual') {
      if (!residual) throw new ShapeError('the epilogue adds a residual, but there is none');
      for (let i = 0; i < output.length; i++) output[i] += step.scale * residual.data[i];
    } else {
      const evaluate = evaluatorOf(step);
      for (let i = 0; i < output.length; i++) output[i] = evaluate(output[i]);
    }
  }
}
