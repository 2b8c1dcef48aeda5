/**
 * Max pools of several sizes around the same pixels, four channels at a time, from one reading of the input: the maximum of
 * a window's row contains that of the next smaller window, and serves every output of a column that the row belongs to.
 *
 * An invocation computes `ROWS` output pixels of one column in every size. For sizes 5, 9 and 13 it reads (8 + 12) * 13 / 8
 * = 33 pixels for each output pixel; three pools in a row read 30, and write and read what lies between them.
 *
 * Bytes: input once, if the windows' overlap stays in cache, and output once.
 */
import { load, store } from './element-types.ts';
import { imageEntry, mapLoop, mapParameters, pixelEntry } from './feature-map.ts';
import type { Binding, FeatureMap, Kernel } from './kernel.ts';
import { range } from './range.ts';

export interface MaxPoolPyramidOptions {
  /** Channels: a multiple of 4. */
  readonly input: FeatureMap;
  /** The input's channels for every size. */
  readonly output: FeatureMap;
  readonly sizes: readonly number[];
}

const ROWS = 8;

/** Bindings: input, output. */
export function maxPoolPyramid({ input, output, sizes }: MaxPoolPyramidOptions): Kernel {
  const x: Binding = { name: 'x', element: input.element, vector: 4, access: 'read' };
  const y: Binding = { name: 'y', element: output.element, vector: 4, access: 'write' };
  const rows = range(Math.min(ROWS, output.height));
  const halves = sizes.map((size) => (size - 1) / 2);
  const widest = halves[halves.length - 1];
  const declarations = halves.flatMap((_, size) => rows.map((r) => `var largest${size}_${r} = ${LOWEST};`));
  const stores = rows.map((r) => {
    const statements = halves.map((_, size) => {
      const at = `yAt + ${size}u * params.channelVectors + ${pixelEntry('y', `(firstRow + ${r}u)`, 'column')}`;
      return store(y, at, `largest${size}_${r}`);
    });
    return `if (firstRow + ${r}u < params.yHeight) { ${statements.join(' ')} }`;
  });
  const loop = mapLoop(
    { ...output, channels: input.channels },
    rows.length,
    1,
    `let firstRow = row * ${rows.length}u;
    let top = i32(firstRow);
    let middle = i32(column);
    let lastX = i32(params.xWidth) - 1;
    let endY = min(top + ${rows.length + widest}, i32(params.xHeight));
    let xAt = ${imageEntry('x', 'n', 'c')};
    let yAt = ${imageEntry('y', 'n', 'c')};
    ${declarations.join('\n    ')}
    for (var iy = max(top - ${widest}, 0); iy < endY; iy++) {
      let line = xAt + ${pixelEntry('x', 'u32(iy)', '0u')};
      var value = ${LOWEST};
      ${halves.map((half, size) => rowText(x, size, half, halves[size - 1], rows)).join('\n      ')}
    }
    ${stores.join('\n    ')}`,
  );
  return {
    label: `maxPoolPyramid ${sizes.join(' ')} column ${rows.length} ${input.element}`,
    bindings: [x, y],
    parameters: [...mapParameters('x', input), ...mapParameters('y', output), ...loop.parameters],
    workgroupSize: loop.workgroupSize,
    workgroups: loop.workgroups,
    body: loop.main,
  };
}

/** The lowest finite float: WGSL has no literal for infinities. */
const LOWEST = 'vec4<f32>(-3.40282346e+38f)';

/**
 * Widens `value`, the maximum of a row within `inner` pixels, to `half` pixels (from nothing where there is no `inner`), and
 * takes it into the outputs whose windows of that size have the row.
 */
function rowText(x: Binding, size: number, half: number, inner: number | undefined, rows: readonly number[]): string {
  const read = `value = max(value, ${load(x, 'line + u32(ix) * params.xPixelStride')});`;
  const [left, right] = [`max(middle - ${half}, 0)`, `min(middle + ${half}, lastX)`];
  const widen =
    inner === undefined
      ? `for (var ix = ${left}; ix <= ${right}; ix++) { ${read} }`
      : `for (var ix = ${left}; ix < middle - ${inner}; ix++) { ${read} }
      for (var ix = middle + ${inner + 1}; ix <= ${right}; ix++) { ${read} }`;
  const updates = rows.map(
    (r) => `if (abs(iy - top - ${r}) <= ${half}) { largest${size}_${r} = max(largest${size}_${r}, value); }`,
  );
  return [widen, ...updates].join('\n      ');
}
