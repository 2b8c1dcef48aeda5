import { expect, test } from 'vitest';
import { evaluatorOf } from '../../engine/graph/functions.ts';
import type { UnaryFunction } from '../../engine/graph/ops/unary.ts';
import { unaryExpression } from '../../shaders/functions.ts';
import type { Kernel } from '../../shaders/kernel.ts';
import { testDevice } from '../support/device.ts';
import { Memory, runOnMemory } from '../support/memory.ts';

interface FunctionCase {
  readonly fn: UnaryFunction;
  /** The largest difference allowed, for results up to 1 in magnitude; relative to the result beyond that. */
  readonly tolerance: number;
  readonly from?: number;
  readonly to?: number;
}

/** Names that have no value, or a pole, somewhere get a range without it. */
const cases: FunctionCase[] = [
  ...(['relu', 'hardSwish', 'negate', 'absolute', 'floor', 'ceil', 'round'] as const).map((name) => ({
    fn: { name },
    tolerance: 1e-6,
  })),
  ...(['sigmoid', 'silu', 'mish', 'gelu', 'tanh', 'softplus'] as const).map((name) => ({
    fn: { name },
    tolerance: 3e-6,
  })),
  { fn: { name: 'erf' }, tolerance: 1e-6 },
  { fn: { name: 'exp' }, tolerance: 1e-5, from: -1e4, to: 80 },
  { fn: { name: 'log' }, tolerance: 1e-5, from: 1e-6, to: 1e4 },
  { fn: { name: 'sqrt' }, tolerance: 1e-6, from: 0, to: 1e4 },
  { fn: { name: 'reciprocal' }, tolerance: 1e-6, from: 1e-3, to: 1e4 },
  // WGSL promises these to 2^-11 only.
  { fn: { name: 'sin' }, tolerance: 2 ** -11, from: -3, to: 3 },
  { fn: { name: 'cos' }, tolerance: 2 ** -11, from: -3, to: 3 },
  { fn: { name: 'leakyRelu', alpha: 0.1 }, tolerance: 1e-6 },
  { fn: { name: 'leakyRelu', alpha: 1.5 }, tolerance: 1e-6 },
  { fn: { name: 'elu', alpha: 0.7 }, tolerance: 1e-6 },
  { fn: { name: 'hardSigmoid', alpha: 0.2, beta: 0.5 }, tolerance: 1e-6 },
  { fn: { name: 'clip', minimum: -1, maximum: 2.5 }, tolerance: 0 },
  { fn: { name: 'clip', minimum: 0, maximum: Infinity }, tolerance: 0 },
  { fn: { name: 'clip', minimum: -Infinity, maximum: 6 }, tolerance: 0 },
  { fn: { name: 'quantize', scale: 0.0625, zeroPoint: -3, minimum: -128, maximum: 127 }, tolerance: 0 },
  { fn: { name: 'dequantize', scale: 0.0625, zeroPoint: -3 }, tolerance: 1e-6 },
];

/** Around zero in steps finer than any feature of the functions, zero itself, and far out. */
function argumentsOf({ from = -1e4, to = 1e4 }: FunctionCase): number[] {
  const near = Array.from({ length: 4001 }, (_, i) => (i - 2000) / 128 + 1 / 512);
  const far = [-1e4, -5000.5, -1000, -200, -100, -89, -88, -87, 0, 87, 88, 89, 100, 200, 1000, 5000.5, 1e4];
  return [...near, ...far].map(Math.fround).filter((x) => x >= from && x <= to);
}

test.each(cases.flatMap((each) => ([1, 4] as const).map((width) => [each.fn.name, width, each] as const)))(
  '%s, %i wide',
  async (name, width, each) => {
    const { device } = await testDevice();
    const xs = argumentsOf(each);
    const view = { element: 'f32', shape: [xs.length], strides: [1], offset: 0 } as const;
    const x = new Memory('f32', xs.length).write(view, { data: Float32Array.from(xs) });
    const y = new Memory('f32', xs.length);
    await runOnMemory(device, kernelOf(each.fn, width, x.elements.length), [x, y]);
    const evaluate = evaluatorOf(each.fn);
    y.read(view).forEach((found, i) => {
      const expected = evaluate(xs[i]);
      const allowed = each.tolerance * Math.max(1, Math.abs(expected));
      if (!(Math.abs(found - expected) <= allowed)) expect.fail(`${name}(${xs[i]}) is ${found}, expected ${expected}`);
    });
  },
);

function kernelOf(fn: UnaryFunction, width: 1 | 4, elements: number): Kernel {
  return {
    label: fn.name,
    bindings: [
      { name: 'xs', element: 'f32', vector: width, access: 'read' },
      { name: 'ys', element: 'f32', vector: width, access: 'write' },
    ],
    parameters: [],
    workgroupSize: [64, 1, 1],
    workgroups: [Math.ceil(elements / width / 64), 1, 1],
    body: `@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${elements / width}u) { return; }
  let x = xs[id.x];
  ys[id.x] = ${unaryExpression(fn, 'x', width)};
}
`,
  };
}
