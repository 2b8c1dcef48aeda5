import { addsResidual, type EpilogueStep, upsampleOf } from '../engine/graph/epilogue.ts';
import { load } from './element-types.ts';
import { unaryExpression } from './functions.ts';
import type { Binding, Parameter } from './kernel.ts';

/** An epilogue as WGSL: `epilogue(sum)`, or `epilogue(sum, residual)` where it takes one; vec4<f32> in and out. */
export interface EpilogueText {
  readonly definition: string;
  /** What the text reads from the parameters. */
  readonly parameters: readonly Parameter[];
  /**
   * What the text takes beside the sum. 'optional': the same text with a residual and without; a parameter says whether
   * there is one, and the kernel binds something else in its place where there is none.
   */
  readonly residual: 'none' | 'always' | 'optional';
  /** WGSL of the residual's row or column that is added in an output's. */
  readonly residualCoordinate: (coordinate: string) => string;
}

/** The epilogue's steps as text. */
export function epilogueText(steps: readonly EpilogueStep[]): EpilogueText {
  const statements = steps.map((step) =>
    step.name === 'addResidual' ? addition(step.scale) : `value = ${unaryExpression(step, 'value', 4)};`,
  );
  const adds = addsResidual(steps);
  return {
    definition: definition(adds, statements),
    parameters: residualParameters(steps),
    residual: adds ? 'always' : 'none',
    residualCoordinate: (coordinate) => residualCoordinate(steps, coordinate),
  };
}

/**
 * One text for nothing, SiLU and sigmoid, each with a residual before or after it, or without: parameters choose, so that
 * layers which differ in nothing else share a pipeline. A sigmoid is computed that some outputs don't need, which costs less
 * than compiling another pipeline. Other epilogues are texts of their own.
 */
export function sharedEpilogueText(steps: readonly EpilogueStep[]): EpilogueText {
  const functions = steps.filter(({ name }) => name !== 'addResidual');
  const [fn] = functions;
  const shift = Math.log2(upsampleOf(steps));
  const others = functions.length > 1 || (fn && fn.name !== 'silu' && fn.name !== 'sigmoid');
  if (others || !Number.isInteger(shift)) return epilogueText(steps);
  const scaleOf = (place: number) => {
    const step = steps[place];
    return step?.name === 'addResidual' ? step.scale : 0;
  };
  const after = fn ? scaleOf(steps.indexOf(fn) + 1) : 0;
  const flag = (name: string, value: boolean): Parameter => ({ name, type: 'u32', value: value ? 1 : 0 });
  return {
    definition: definition(true, [
      'value += params.addedBefore * residual;',
      `value = select(vec4<f32>(1), value, params.linear == 1u) * select(vec4<f32>(1), ${SIGMOID}, params.gated == 1u);`,
      'value += params.addedAfter * residual;',
    ]),
    parameters: [
      flag('linear', fn?.name !== 'sigmoid'),
      flag('gated', fn !== undefined),
      flag('adds', addsResidual(steps)),
      { name: 'addedBefore', type: 'f32', value: scaleOf(0) },
      { name: 'addedAfter', type: 'f32', value: after },
      { name: 'residualShift', type: 'u32', value: shift },
    ],
    residual: 'optional',
    residualCoordinate: (coordinate) => `(${coordinate} >> params.residualShift)`,
  };
}

const SIGMOID = unaryExpression({ name: 'sigmoid' }, 'value', 4);

function definition(residual: boolean, statements: readonly string[]): string {
  return `fn epilogue(sum: vec4<f32>${residual ? ', residual: vec4<f32>' : ''}) -> vec4<f32> {
  var value = sum;
  ${statements.join('\n  ')}
  return value;
}
`;
}

/** The residual's part of a kernel's parameters: where there may be one and is none, the output stands for it. */
export function residualPlaces<T>({ residual }: EpilogueText, map: T | undefined, output: T): T[] {
  return residual === 'none' ? [] : [map ?? output];
}

/**
 * WGSL that declares `name`, the epilogue of `sum` with the residual at `place`, which is read where `exists` says so. An
 * unconditional read, where there always is a residual, must be of memory that exists: nested control flow takes a software
 * driver several times as long to compile, but an optional residual's lanes are skipped faster than they are read.
 */
export function resultText(
  epilogue: EpilogueText,
  binding: Binding | undefined,
  {
    name,
    sum,
    place,
    exists,
  }: { readonly name: string; readonly sum: string; readonly place: string; readonly exists: string },
): string {
  if (epilogue.residual === 'none' || !binding) return `let ${name} = epilogue(${sum});`;
  if (epilogue.residual === 'always') return `let ${name} = epilogue(${sum}, ${load(binding, place)});`;
  return `var ${name} = vec4<f32>(0);
    if (${exists} && params.adds == 1u) { ${name} = ${load(binding, place)}; }
    ${name} = epilogue(${sum}, ${name});`;
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
