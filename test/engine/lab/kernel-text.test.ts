import { describe, expect, it } from 'vitest';
import { evaluateExpression } from '../../../engine/lab/expression.ts';
import { formatKernel, layerOfText, parseKernel } from '../../../engine/lab/kernel-text.ts';
import { labLayer } from '../../../engine/lab/layer.ts';
import { parseLayer } from '../../../engine/lab/layer-text.ts';
import { assemble } from '../../../shaders/assemble.ts';
import { conv2dCandidates } from '../../../shaders/conv-2d.ts';
import { tensorOf } from '../../../shaders/conv-candidate.ts';
import { CORE_DEVICE } from '../../../shaders/kernel-device.ts';

const GPU = { ...CORE_DEVICE, float16: true, smallestSubgroup: 8, software: false };

describe('expressions', () => {
  const variables = new Map([
    ['width', 7],
    ['height', 5],
  ]);

  it.each([
    ['3', 3],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['ceil(width / 2)', 4],
    ['ceil(width*height / 8) + min(1, 2, 3)', 6],
    ['-width + 10 % 4 - 1', -6],
    ['max(floor(width / 2), 1)', 3],
  ])('%s', (text, value) => expect(evaluateExpression(text, variables)).toBe(value));

  it.each([
    ['', /missing at the end/],
    ['1 +', /missing at the end/],
    ['depth', /there is no "depth"/],
    ['(1', /"\)" is missing/],
    ['1 2', /"2" has no place there/],
    ['1 / (width - 7)', /divides by 0/],
    ['$', /"\$" has no place/],
  ])('refuses "%s"', (text, reason) => expect(() => evaluateExpression(text, variables)).toThrow(reason));
});

describe('kernels as text', () => {
  const layer = labLayer(parseLayer('24x20x20 -> 32 k3 silu'));

  it('say the same as the kernel that they were written from', () => {
    for (const text of ['24x20x20 -> 32 k3 silu', '16x9x9 -> 16 k5 s2 g16 add f16', '3x8x8 -> 5 k3']) {
      const own = labLayer(parseLayer(text));
      for (const candidate of conv2dCandidates(own.spec, GPU)) {
        const written = formatKernel(candidate, own);
        expect(layerOfText(written)).toBe(own.text);
        const { kernel, problems } = parseKernel(written, own);
        expect(problems).toEqual([]);
        expect(kernel).toMatchObject({ weights: candidate.weights, rounding: candidate.rounding ?? 1 });
        expect(kernel?.scratch).toEqual(candidate.scratch ?? []);
        const kernels = candidate.build();
        expect(kernel?.dispatches.length).toBe(kernels.length);
        kernels.forEach((built, index) => {
          const dispatch = kernel?.dispatches[index];
          expect(dispatch?.workgroups).toEqual(built.workgroups);
          expect(dispatch?.uniform?.parameters).toEqual(built.parameters);
          expect(dispatch?.bindings.map(({ tensor, access }) => [tensor, access])).toEqual(
            // What stands for a residual that isn't there is read through the output's binding.
            built.bindings
              .map((binding) => [tensorOf(binding), binding.access])
              .filter(([tensor, access]) => tensor !== 'output' || access === 'write'),
          );
          const bare = (code: string | undefined) => code?.replace(/[ \t]*(\/\/.*)?$/gm, '').trim();
          expect(bare(dispatch?.code)).toBe(bare(assemble(built)));
        });
      }
    }
  });

  it('take sizes from the layer', () => {
    const text = `//! workgroups ceil(outputWidth / 8), outputHeight
struct Parameters {
  inputWidth: u32,
  outputOffset: u32, tiles: i32, // = -outVectors * 2
}
@group(0) @binding(0) var<uniform> params: Parameters;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
`;
    const { kernel, problems } = parseKernel(text, layer);
    expect(problems).toEqual([
      { severity: 'error', line: 4, column: 0, length: 53, message: expect.stringContaining('outputOffset is -16') },
    ]);
    expect(kernel).toBeUndefined();
    const fixed = parseKernel(text.replace('outputOffset: u32, ', ''), layer).kernel;
    expect(fixed?.dispatches[0].workgroups).toEqual([3, 20, 1]);
    expect(fixed?.dispatches[0].uniform?.parameters).toEqual([
      { name: 'inputWidth', type: 'u32', value: 20 },
      { name: 'tiles', type: 'i32', value: -16 },
    ]);
  });

  it('may have several dispatches, with memory between them', () => {
    const text = `//! weights plain
//! scratch sums f32 outputHeight * outputWidth
//! dispatch first
//! workgroups 1
//! tensor source = input
@group(0) @binding(1) var<storage> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
//! dispatch second
//! workgroups 2
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4f>;
`;
    const { kernel, problems } = parseKernel(text, layer, 'mine');
    expect(problems).toEqual([]);
    expect(kernel).toMatchObject({
      name: 'mine',
      weights: 'plain',
      scratch: [{ name: 'sums', element: 'f32', elements: 400 }],
      dispatches: [
        { label: 'first', firstLine: 3, workgroups: [1, 1, 1], bindings: [{ tensor: 'input' }, { tensor: 'sums' }] },
        { label: 'second', firstLine: 8, bindings: [{ access: 'read' }, { tensor: 'output', access: 'write' }] },
      ],
    });
  });

  it.each([
    ['fn main() {}', 1, /size of the dispatch is missing/],
    ['\n//! workgroup 1', 2, /no directive "workgroup"/],
    ['//! workgroups 1\n//! weights heap', 2, /"heap" is no layout of weights: blocks/],
    ['//! workgroups 0', 1, /0 workgroups is none/],
    ['//! workgroups 1.5', 1, /1.5 workgroups is none/],
    ['//! workgroups depth', 1, /there is no "depth"; there is batch, groups/],
    ['//! workgroups 1, 1, 1, 1', 1, /at most three/],
    ['//! workgroups 1\n@group(0) @binding(1) var<storage> x: array<f32>;', 2, /no tensor "x": input, weights/],
    ['//! workgroups 1\n@group(0) @binding(1) var<storage> residual: array<f32>;', 2, /adds no residual/],
    ['//! workgroups 1\n//! scratch a f64 2', 2, /"scratch NAME f32/],
    ['//! workgroups 1\nstruct P {\n  a: u32,\n}\n@group(0) @binding(0) var<uniform> p: P;', 3, /no size of the layer/],
  ])('are refused with a line: %j', (text, line, reason) => {
    const { kernel, problems } = parseKernel(text, layer);
    expect(kernel).toBeUndefined();
    expect(problems[0]).toMatchObject({ severity: 'error', line, message: expect.stringMatching(reason) });
  });
});
