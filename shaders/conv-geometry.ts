import type { Parameter } from './kernel.ts';

/**
 * Which output pixels a dispatch numbers, and which input pixel each tap of the kernel reads for one of them. Expressions
 * are WGSL; `at` stands for a row or column of the grid, a u32.
 */
export interface ConvGeometry {
  /** Rows and columns of the numbered pixels. `phases` such grids cover one output image. */
  readonly grid: readonly [height: number, width: number];
  readonly phases: number;
  readonly parameters: readonly Parameter[];
  /** Statements at the start; they may use `phase`. */
  readonly prologue: string;
  /** The input row and column that a tap without shift reads: i32, outside of the input where that is padding. */
  readonly inputRow: (at: string) => string;
  readonly inputColumn: (at: string) => string;
  readonly outputRow: (at: string) => string;
  readonly outputColumn: (at: string) => string;
  /** Headers of the loops over the rows and columns of the kernel. */
  readonly tapRows: string;
  readonly tapColumns: string;
  /** What the tap that the loops have reached adds to the input row and column: i32. */
  readonly shiftRow: string;
  readonly shiftColumn: string;
  /** The same for every tap in the order of the weights, where no loop is needed to know. */
  readonly shifts?: readonly (readonly [row: string, column: string])[];
  /** How many rows and columns of the kernel those loops go over, and the one that is number `n` of them: u32. */
  readonly tapRowCount: string;
  readonly tapColumnCount: string;
  readonly tapRow: (n: string) => string;
  readonly tapColumn: (n: string) => string;
}

interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

/** How the window moves, as a kernel's parameters: strideY, strideX, top, left, dilationY, dilationX. */
export function windowParameters({
  strides,
  pads,
  dilations,
}: Omit<Window, 'kernel'> & { readonly dilations: readonly [number, number] }): Parameter[] {
  return [
    signed('strideY', strides[0]),
    signed('strideX', strides[1]),
    signed('top', pads[0]),
    signed('left', pads[1]),
    signed('dilationY', dilations[0]),
    signed('dilationX', dilations[1]),
  ];
}

/** Output pixel (y, x) reads input pixel (y * stride - top + ky * dilation, ...). */
export function convolutionGeometry(
  output: { readonly height: number; readonly width: number },
  { kernel, strides, pads, dilations }: Window & { readonly dilations: readonly [number, number] },
): ConvGeometry {
  const shifts = Array.from({ length: kernel[0] * kernel[1] }, (_, tap): [string, string] => {
    const row = Math.floor(tap / kernel[1]);
    return [`${row * dilations[0]}`, `${(tap - row * kernel[1]) * dilations[1]}`];
  });
  return {
    grid: [output.height, output.width],
    phases: 1,
    parameters: windowParameters({ strides, pads, dilations }),
    prologue: '',
    inputRow: (at) => `i32(${at}) * params.strideY - params.top`,
    inputColumn: (at) => `i32(${at}) * params.strideX - params.left`,
    outputRow: (at) => at,
    outputColumn: (at) => at,
    tapRows: 'for (var ky = 0u; ky < params.kernelHeight; ky++)',
    tapColumns: 'for (var kx = 0u; kx < params.kernelWidth; kx++)',
    shiftRow: 'i32(ky) * params.dilationY',
    shiftColumn: 'i32(kx) * params.dilationX',
    shifts,
    tapRowCount: 'params.kernelHeight',
    tapColumnCount: 'params.kernelWidth',
    tapRow: (n) => n,
    tapColumn: (n) => n,
  };
}

/**
 * A transposed convolution without dilation. Output pixel y = stride * r + phase gets input pixel (y + top - ky) / stride
 * for every tap ky that makes it a whole number, so all pixels of one phase share their taps: those from
 * (phase + top) % stride on in steps of the stride. For a kernel of the stride's size that is one tap per phase.
 */
export function transposedGeometry(
  output: { readonly height: number; readonly width: number },
  { strides, pads }: Window,
): ConvGeometry {
  return {
    grid: [Math.ceil(output.height / strides[0]), Math.ceil(output.width / strides[1])],
    phases: strides[0] * strides[1],
    parameters: [
      unsigned('strideY', strides[0]),
      unsigned('strideX', strides[1]),
      unsigned('top', pads[0]),
      unsigned('left', pads[1]),
    ],
    prologue: `let phaseY = phase / params.strideX;
  let phaseX = phase - phaseY * params.strideX;
  let startY = phaseY + params.top;
  let startX = phaseX + params.left;`,
    inputRow: (at) => `i32(${at})`,
    inputColumn: (at) => `i32(${at})`,
    outputRow: (at) => `${at} * params.strideY + phaseY`,
    outputColumn: (at) => `${at} * params.strideX + phaseX`,
    tapRows: 'for (var ky = startY % params.strideY; ky < params.kernelHeight; ky += params.strideY)',
    tapColumns: 'for (var kx = startX % params.strideX; kx < params.kernelWidth; kx += params.strideX)',
    shiftRow: '(i32(startY) - i32(ky)) / i32(params.strideY)',
    shiftColumn: '(i32(startX) - i32(kx)) / i32(params.strideX)',
    tapRowCount: '(params.kernelHeight + params.strideY - 1u - startY % params.strideY) / params.strideY',
    tapColumnCount: '(params.kernelWidth + params.strideX - 1u - startX % params.strideX) / params.strideX',
    tapRow: (n) => `startY % params.strideY + ${n} * params.strideY`,
    tapColumn: (n) => `startX % params.strideX + ${n} * params.strideX`,
  };
}

function signed(name: string, value: number): Parameter {
  return { name, type: 'i32', value };
}

function unsigned(name: string, value: number): Parameter {
  return { name, type: 'u32', value };
}
