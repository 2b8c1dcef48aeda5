import { evaluatorOf, type UnaryFunction } from './functions.ts';
import { elementCount, sameShape } from './indexing.ts';
import type { DenseTensor, Shape, TensorType } from './tensor.ts';
import { ShapeError } from './tensor.ts';

/** A function of each element, or the addition of `scale` times the residual (at most one, the last input). */
export type EpilogueStep = UnaryFunction | AddResidual;

export interface AddResidual {
  readonly name: 'addResidual';
  readonly scale: number;
  /**
   * How many times larger the output is than the residual, in height and in width: each of the residual's pixels is added
   * to a square of as many. Absent for 1.
   */
  readonly upsample?: number;
}

/** How many times larger the output is than the residual, 1 where there is none. */
export function upsampleOf(epilogue: readonly EpilogueStep[]): number {
  for (const step of epilogue) if (step.name === 'addResidual') return step.upsample ?? 1;
  return 1;
}

/** Type rules of an epilogue: at most one residual, that is of the output's shape once upsampled; throws `ShapeError`. */
export function checkEpilogue(
  what: string,
  epilogue: readonly EpilogueStep[],
  residual: TensorType | undefined,
  output: Shape,
): void {
  const additions = epilogue.filter((step) => step.name === 'addResidual').length;
  if (additions > 1) throw new ShapeError(`${what}: the epilogue adds ${additions} residuals, at most one is possible`);
  const factor = upsampleOf(epilogue);
  if (!Number.isInteger(factor) || factor < 1) {
    throw new ShapeError(`${what}: a residual is upsampled by an integer from 1, not by ${factor}`);
  }
  const upsampled = residual?.shape.map((size, axis) => (axis < 2 ? size : size * factor));
  if (residual && upsampled && (residual.kind !== 'float' || !sameShape(upsampled, output))) {
    const given = `${residual.kind} [${residual.shape}]${factor > 1 ? ` upsampled by ${factor}` : ''}`;
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
      addScaled(output, residual, step.scale, step.upsample ?? 1);
    } else {
      const evaluate = evaluatorOf(step);
      for (let i = 0; i < output.length; i++) output[i] = evaluate(output[i]);
    }
  }
}

/** Adds a number times a residual whose pixels each stand for a square of `factor` x `factor`. */
function addScaled(output: Float64Array, { shape, data }: DenseTensor, scale: number, factor: number): void {
  const [batch, channels, height, width] = shape;
  const [rows, columns] = [height * factor, width * factor];
  let index = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 0; y < rows; y++) {
      const line = (plane * height + Math.floor(y / factor)) * width;
      for (let x = 0; x < columns; x++) output[index++] += scale * data[line + Math.floor(x / factor)];
    }
  }
}
