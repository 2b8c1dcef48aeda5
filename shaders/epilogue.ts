import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import { floatLiteral } from './assemble.ts';
import { unaryExpression } from './functions.ts';

/**
 * WGSL of a function that runs an epilogue on a vec4<f32> of sums with their bias: `epilogue(sum)`, or
 * `epilogue(sum, residual)` where it adds one.
 */
export function epilogueFunction(steps: readonly EpilogueStep[]): string {
  const statements = steps.map((step) => {
    if (step.name !== 'addResidual') return `value = ${unaryExpression(step, 'value', 4)};`;
    return `value += ${step.scale === 1 ? '' : `${floatLiteral(step.scale)} * `}residual;`;
  });
  return `fn epilogue(sum: vec4<f32>${hasResidual(steps) ? ', residual: vec4<f32>' : ''}) -> vec4<f32> {
  var value = sum;
  ${statements.join('\n  ')}
  return value;
}
`;
}

export function hasResidual(steps: readonly EpilogueStep[]): boolean {
  return steps.some(({ name }) => name === 'addResidual');
}

/** The epilogue in a kernel's label: ' silu', ' add relu', or nothing. */
export function epilogueLabel(steps: readonly EpilogueStep[]): string {
  return steps.map(({ name }) => (name === 'addResidual' ? ' add' : ` ${name}`)).join('');
}
