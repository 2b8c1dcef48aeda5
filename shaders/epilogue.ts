import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import { unaryExpression } from './functions.ts';
import type { Parameter } from './kernel.ts';

/**
 * WGSL of a function that runs an epilogue on a vec4<f32> of sums with their bias: `epilogue(sum)`, or
 * `epilogue(sum, residual)` where it adds one.
 */
export function epilogueFunction(steps: readonly EpilogueStep[]): string {
  const statements = steps.map((step) => {
    if (step.name !== 'addResidual') return `value = ${unaryExpression(step, 'value', 4)};`;
    return `value += ${residualFactor(step.scale)}residual;`;
  });
  return `fn epilogue(sum: vec4<f32>${hasResidual(steps) ? ', residual: vec4<f32>' : ''}) -> vec4<f32> {
  var value = sum;
  ${statements.join('\n  ')}
  return value;
}
`;
}

/** WGSL in front of a residual. A learned scale is a parameter, so that layers which differ in it share a pipeline. */
export function residualFactor(scale: number): string {
  return scale === 1 ? '' : 'params.residualScale * ';
}

/** What the text of an epilogue reads from the parameters. */
export function epilogueParameters(steps: readonly EpilogueStep[]): Parameter[] {
  return steps.flatMap((step) =>
    step.name === 'addResidual' && step.scale !== 1
      ? [{ name: 'residualScale', type: 'f32' as const, value: step.scale }]
      : [],
  );
}

export function hasResidual(steps: readonly EpilogueStep[]): boolean {
  return steps.some(({ name }) => name === 'addResidual');
}

/** The epilogue in a kernel's label: ' silu', ' add relu', or nothing. */
export function epilogueLabel(steps: readonly EpilogueStep[]): string {
  return steps.map(({ name }) => (name === 'addResidual' ? ' add' : ` ${name}`)).join('');
}
