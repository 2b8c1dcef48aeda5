import { type EpilogueStep, upsampleOf } from '../engine/graph/epilogue.ts';
import { unaryExpression } from './functions.ts';
import type { Parameter } from './kernel.ts';

/** An epilogue as WGSL: `epilogue(sum)`, or `epilogue(sum, residual)` where it adds one; vec4<f32> in and out. */
export interface EpilogueText {
  readonly definition: string;
  /** What the text reads from the parameters. */
  readonly parameters: readonly Parameter[];
}

/** The epilogue's steps as text. */
export function epilogueText(steps: readonly EpilogueStep[]): EpilogueText {
  const statements = steps.map((step) =>
    step.name === 'addResidual' ? addition(step.scale) : `value = ${unaryExpression(step, 'value', 4)};`,
  );
  return { definition: definition(steps, statements), parameters: residualParameters(steps) };
}

/**
 * The same, but no activation, SiLU and sigmoid are one text: a parameter chooses among them, so that layers which differ
 * in nothing else share a pipeline. It costs a sigmoid that some outputs don't need, and saves compiling two pipelines.
 */
export function sharedEpilogueText(steps: readonly EpilogueStep[]): EpilogueText {
  const functions = steps.filter(({ name }) => name !== 'addResidual');
  const [fn] = functions;
  if (functions.length > 1 || (fn && fn.name !== 'silu' && fn.name !== 'sigmoid')) return epilogueText(steps);
  const gate = `value = select(vec4<f32>(1), value, params.linear == 1u) * select(vec4<f32>(1), ${SIGMOID}, params.gated == 1u);`;
  const statements = steps.map((step) => (step.name === 'addResidual' ? addition(step.scale) : gate));
  return {
    definition: definition(steps, fn ? statements : [gate, ...statements]),
    parameters: [
      ...residualParameters(steps),
      { name: 'linear', type: 'u32', value: fn?.name === 'sigmoid' ? 0 : 1 },
      { name: 'gated', type: 'u32', value: fn ? 1 : 0 },
    ],
  };
}

const SIGMOID = unaryExpression({ name: 'sigmoid' }, 'value', 4);

function definition(steps: readonly EpilogueStep[], statements: readonly string[]): string {
  const residual = steps.some(({ name }) => name === 'addResidual') ? ', residual: vec4<f32>' : '';
  return `fn epilogue(sum: vec4<f32>${residual}) -> vec4<f32> {
  var value = sum;
  ${statements.join('\n  ')}
  return value;
}
`;
}

function addition(scale: number): string {
  return `value += ${residualFactor(scale)}residual;`;
}

/** WGSL in front of a residual. A learned scale is a parameter, so that layers which differ in it share a pipeline. */
export function residualFactor(scale: number): string {
  return scale === 1 ? '' : 'params.residualScale * ';
}

export function residualParameters(steps: readonly EpilogueStep[]): Parameter[] {
  const upsample = upsampleOf(steps);
  return [
    ...steps.flatMap((step) =>
      step.name === 'addResidual' && step.scale !== 1
        ? [{ name: 'residualScale', type: 'f32' as const, value: step.scale }]
        : [],
    ),
    ...(upsample > 1 ? [{ name: 'residualUpsample', type: 'u32' as const, value: upsample }] : []),
  ];
}

/** WGSL of the residual's row or column that is added in an output's. The factor is a parameter, as the scale is. */
export function residualCoordinate(steps: readonly EpilogueStep[], coordinate: string): string {
  return upsampleOf(steps) > 1 ? `(${coordinate} / params.residualUpsample)` : coordinate;
}

/** The epilogue in a kernel's label: ' silu', ' add relu', ' add x2', or nothing. */
export function epilogueLabel(steps: readonly EpilogueStep[]): string {
  const factor = upsampleOf(steps);
  const add = factor > 1 ? ` add x${factor}` : ' add';
  return steps.map(({ name }) => (name === 'addResidual' ? add : ` ${name}`)).join('');
}
