/**
 * The dispatches before and after the products of a Winograd convolution, see conv-2d-winograd.ts. An invocation transforms
 * four channels of one tile; neighbouring invocations have neighbouring channels.
 */

import type { EpilogueStep } from '../engine/graph/ops/conv-2d.ts';
import { floatLiteral } from './assemble.ts';
import { FLAT_INDEX, flatDispatch } from './dispatch-size.ts';
import { load, store } from './element-types.ts';
import { epilogueLabel, epilogueText, residualPlaces, resultText, sharedEpilogueText } from './epilogue.ts';
import { channelVectors, mapParameters } from './feature-map.ts';
import type { Binding, FeatureMap, Kernel, Parameter } from './kernel.ts';
import { range } from './range.ts';
import type { WinogradMatrices } from './winograd.ts';

/**
 * - looped: a loop over the rows of a tile, which adds what each row contributes to every number: little text to compile.
 * - unrolled: each row is text; a number is computed once from what the rows have in common.
 */
export type TransformForm = 'looped' | 'unrolled';

interface Transform {
  readonly matrices: WinogradMatrices;
  readonly form: TransformForm;
  /** The map of tiles: a pixel for each, its numbers as groups of channels. */
  readonly tiles: FeatureMap;
}

const WORKGROUP_SIZE = 64;

/** Bindings: input; the tiles' numbers, as 'transformed'. */
export function inputTransform({
  input,
  pads,
  matrices,
  form,
  tiles,
}: Transform & { readonly input: FeatureMap; readonly pads: readonly number[] }): Kernel {
  const { inputTile, outputTile } = matrices;
  const source: Binding = { name: 'input', element: input.element, vector: 4, access: 'read' };
  const target: Binding = { name: 'transformed', element: tiles.element, vector: 4, access: 'write' };
  const dispatch = tileDispatch(tiles, channelVectors(input), inputTile, inputTile * inputTile);
  const columns = range(inputTile);
  const loads = (row: string) => `let y = u32(originY + i32(${row}));
    let outside = y >= params.inputHeight;
    let line = first + y * params.inputWidth * params.inputPixelStride;
    ${columns
      .map(
        (k) => `let x${k} = u32(originX + ${k});
    let padding${k} = outside || x${k} >= params.inputWidth;
    let d${k} = select(${load(source, `select(line + x${k} * params.inputPixelStride, first, padding${k})`)}, vec4<f32>(0), padding${k});`,
      )
      .join('\n    ')}`;
  return {
    label: `winograd ${outputTile}x${outputTile} input transform ${form}`,
    bindings: [source, target],
    parameters: [
      ...dispatch.parameters,
      ...mapParameters('input', input),
      { name: 'top', type: 'i32', value: pads[0] },
      { name: 'left', type: 'i32', value: pads[1] },
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `${tableText(form, matrices.input)}
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${TILE_INDEX}
  let originY = i32(tileRow * ${outputTile}u) - params.top;
  let originX = i32(tileColumn * ${outputTile}u) - params.left;
  let first = params.inputOffset + image * params.inputImageStride + vector;
  ${bothDirections(form, matrices.input, loads)}
  let target0 = tile * params.tileNumbers * params.vectors + vector;
  ${eachResult(form, inputTile * inputTile, (value, index) => store(target, `target0 + ${index} * params.vectors`, value))}
}
`,
  };
}

/** Bindings: the tiles' numbers, as 'products'; bias; residual where there is one; output. */
export function outputTransform({
  output,
  residual,
  epilogue: steps,
  matrices,
  form,
  tiles,
}: Transform & {
  readonly output: FeatureMap;
  readonly residual?: FeatureMap;
  readonly epilogue: readonly EpilogueStep[];
}): Kernel {
  const { inputTile, outputTile } = matrices;
  const source: Binding = { name: 'products', element: tiles.element, vector: 4, access: 'read' };
  const bias: Binding = { name: 'bias', element: 'f32', vector: 4, access: 'read' };
  const target: Binding = { name: 'output', element: output.element, vector: 4, access: 'write' };
  const epilogue = (form === 'looped' ? sharedEpilogueText : epilogueText)(steps);
  // Where there may be a residual and is none, the bias is bound in its place.
  const [added] = residualPlaces<Binding>(
    epilogue,
    residual && { name: 'residual', element: residual.element, vector: 4, access: 'read' },
    { ...bias, name: 'residual', tensor: 'bias' },
  );
  const dispatch = tileDispatch(tiles, channelVectors(output), inputTile, outputTile * outputTile);
  const loads = (row: string) =>
    range(inputTile)
      .map((k) => `let d${k} = ${load(source, `first + (${row} * ${inputTile}u + ${k}u) * params.vectors`)};`)
      .join('\n    ');
  const result = (value: string, index: string) => `{
      let y = tileRow * ${outputTile}u + ${index} / ${outputTile}u;
      let x = tileColumn * ${outputTile}u + ${index} % ${outputTile}u;
      let exists = y < params.outputHeight && x < params.outputWidth;
      let pixel = select(0u, y * params.outputWidth + x, exists);
      ${resultText(epilogue, added, {
        name: 'result',
        sum: `${value} + offset`,
        place: 'residual0 + pixel * params.residualPixelStride',
        exists: 'exists',
      })}
      if (exists) { ${store(target, 'output0 + pixel * params.outputPixelStride', 'result')} }
    }`;
  const place = (name: string) => `let ${name}0 = params.${name}Offset + image * params.${name}ImageStride + vector;`;
  return {
    label: `winograd ${outputTile}x${outputTile} output transform ${form}${epilogueLabel(steps)}`,
    bindings: [source, bias, ...(added ? [added] : []), target],
    parameters: [
      ...dispatch.parameters,
      ...epilogue.parameters,
      ...mapParameters('output', output),
      ...residualPlaces(epilogue, residual, output).flatMap((map) => mapParameters('residual', map)),
    ],
    workgroupSize: [WORKGROUP_SIZE, 1, 1],
    workgroups: dispatch.workgroups,
    body: `${tableText(form, matrices.output)}
${epilogue.definition}
@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${TILE_INDEX}
  let first = tile * params.tileNumbers * params.vectors + vector;
  let offset = bias[vector];
  ${place('output')}
  ${added ? place('residual') : ''}
  ${bothDirections(form, matrices.output, loads)}
  ${eachResult(form, outputTile * outputTile, result)}
}
`,
  };
}

/** The bounds of loops are parameters, lest a driver unrolls them. */
function tileDispatch(tiles: FeatureMap, vectors: number, tileLength: number, results: number) {
  const { workgroups, parameters } = flatDispatch(tiles.batch * tiles.height * tiles.width * vectors, WORKGROUP_SIZE);
  const count = (name: string, value: number): Parameter => ({ name, type: 'u32', value });
  return {
    workgroups,
    parameters: [
      ...parameters,
      count('vectors', vectors),
      count('tileRows', tiles.height),
      count('tileColumns', tiles.width),
      count('tileNumbers', tiles.channels / vectors / 4),
      count('tileLength', tileLength),
      count('results', results),
    ],
  };
}

/** `tile` and its place, and `vector`: the four channels. */
const TILE_INDEX = `${FLAT_INDEX}
  let tile = index / params.vectors;
  let vector = index - tile * params.vectors;
  let line0 = tile / params.tileColumns;
  let tileColumn = tile - line0 * params.tileColumns;
  let image = line0 / params.tileRows;
  let tileRow = line0 - image * params.tileRows;`;

/** The matrix by columns, for the loop over rows: row i contributes to result r with the factor [i][r]. */
function tableText(form: TransformForm, matrix: readonly (readonly number[])[]): string {
  if (form === 'unrolled') return '';
  const columns = matrix[0].map(
    (_, i) => `array<f32, ${matrix.length}>(${matrix.map((row) => floatLiteral(row[i])).join(', ')})`,
  );
  return `const FACTORS = array<array<f32, ${matrix.length}>, ${columns.length}>(${columns.join(', ')});`;
}

/**
 * The matrix times the tile times the transposed matrix, into `result0`, `result1`, ... row by row. `loads(row)` declares
 * d0, d1, ...: a row of the tile.
 */
function bothDirections(
  form: TransformForm,
  matrix: readonly (readonly number[])[],
  loads: (row: string) => string,
): string {
  const [rows, size] = [matrix.length, matrix[0].length];
  const across = range(rows).map((k) => `let t${k} = ${combination(matrix[k], (i) => `d${i}`)};`);
  if (form === 'unrolled') {
    const named = range(size).map(
      (i) => `${range(rows)
        .map((k) => `var row${i}_${k}: vec4<f32>;`)
        .join(' ')}
  {
    ${[loads(`${i}u`), ...across, ...range(rows).map((k) => `row${i}_${k} = t${k};`)].join('\n    ')}
  }`,
    );
    const down = range(rows * rows).map(
      (index) =>
        `let result${index} = ${combination(matrix[Math.floor(index / rows)], (i) => `row${i}_${index % rows}`)};`,
    );
    return [...named, ...down].join('\n  ');
  }
  const sums = range(rows).map((r) => {
    const terms = range(rows).map((k) => `result${r * rows + k} += factor${r} * t${k};`);
    return `let factor${r} = FACTORS[i][${r}]; ${terms.join(' ')}`;
  });
  return `${range(rows * rows)
    .map((index) => `var result${index} = vec4<f32>(0);`)
    .join(' ')}
  for (var i = 0u; i < params.tileLength; i++) {
    ${[loads('i'), ...across, ...sums].join('\n    ')}
  }`;
}

/** A sum of products with the numbers of `row`, those with 0 left out. */
function combination(row: readonly number[], operand: (index: number) => string): string {
  const terms = row.flatMap((factor, index) =>
    factor === 0 ? [] : [factor === 1 ? operand(index) : `${floatLiteral(factor)} * ${operand(index)}`],
  );
  return terms.join(' + ');
}

/** `statement(value, index)` for every result; looped, it stands once, and the results are in an array. */
function eachResult(form: TransformForm, count: number, statement: (value: string, index: string) => string): string {
  const names = range(count).map((index) => `result${index}`);
  if (form === 'unrolled') return names.map((name, index) => statement(name, `${index}u`)).join('\n  ');
  return `var results = array<vec4<f32>, ${count}>(${names.join(', ')});
  for (var r = 0u; r < params.results; r++) {
    ${statement('results[r]', 'r')}
  }`;
}
