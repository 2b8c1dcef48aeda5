import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import { foldSpaceToDepth } from '../../../engine/passes/fold-space-to-depth.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

class FocusBuilder extends NetworkBuilder {
  #slices = 0;

  /** Every `step`-th row and column, from `row` and `column` on. */
  slice(x: Value, row: number, column: number, steps: readonly [number, number]): Value {
    const [batch, channels, height, width] = x.shape;
    const sizes = [batch, channels, Math.ceil((height - row) / steps[0]), Math.ceil((width - column) / steps[1])];
    const op = { type: 'slice', starts: [0, 0, row, column], sizes, steps: [1, 1, ...steps] } as const;
    return this.apply(op, [x], `slice${this.#slices++}`);
  }

  join(...values: Value[]): Value {
    return this.apply({ type: 'concat', axis: 1 }, values, 'joined');
  }
}

const offsets = (step: number) =>
  Array.from({ length: step * step }, (_, index) => [index % step, Math.floor(index / step)] as const);

describe('fold-space-to-depth', () => {
  it.each([
    [2, 3, { epilogue: [{ name: 'silu' }] }],
    [2, 3, { strides: [2, 1], pads: [1, 0, 2, 1] }],
    [3, 1, {}],
  ] as const)('in steps of %i, a kernel of %i', (step, size, attributes) => {
    const b = new FocusBuilder();
    const x = b.image(3, 4 * step, 5 * step);
    const joined = b.join(...offsets(step).map(([row, column]) => b.slice(x, row, column, [step, step])));
    const graph = b.finish('focus', [b.convolve(joined, 5, size, attributes)]);
    const { graph: folded, notes } = foldSpaceToDepth.run(graph);
    expectEquivalent(folded, graph, 1e-6);
    expect(opsOf(folded)).toEqual(['conv2d']);
    expect(folded.nodes[0].inputs[1].shape).toEqual([5, 3, size * step, size * step]);
    expect(notes).toEqual([`slices in steps of ${step} pixels folded into the convolution of what they join: 1`]);
  });

  it('through rows and columns that are sliced one after the other', () => {
    const b = new FocusBuilder();
    const x = b.image(3, 8, 6);
    const parts = offsets(2).map(([row, column]) => b.slice(b.slice(x, row, 0, [2, 1]), 0, column, [1, 2]));
    const graph = b.finish('focus', [b.convolve(b.join(...parts), 4, 3)]);
    const { graph: folded } = foldSpaceToDepth.run(graph);
    expectEquivalent(folded, graph, 1e-6);
    expect(opsOf(folded)).toEqual(['conv2d']);
  });

  it.each<[string, (b: FocusBuilder, x: Value) => Value]>([
    ['that leave an offset out', (b, x) => b.convolve(b.join(...first(b, x, 3)), 4, 3)],
    ['that take an offset twice', (b, x) => b.convolve(b.join(...first(b, x, 3), b.slice(x, 0, 0, [2, 2])), 4, 3)],
    ['of two tensors', (b, x) => b.convolve(b.join(...first(b, x, 3), b.slice(b.unary('exp', x), 1, 1, [2, 2])), 4, 3)],
    ['of a dilated convolution', (b, x) => b.convolve(b.join(...first(b, x, 4)), 4, 3, { dilations: [2, 2] })],
    ['of a convolution in groups', (b, x) => b.convolve(b.join(...first(b, x, 4)), 4, 3, { groups: 2 })],
    [
      'that something else reads',
      (b, x) => {
        const joined = b.join(...first(b, x, 4));
        return b.binary('add', b.convolve(joined, 12, 3), joined);
      },
    ],
  ])('leaves slices %s', (_, build) => {
    const b = new FocusBuilder();
    const graph = b.finish('others', [build(b, b.image(3, 8, 6))]);
    expect(foldSpaceToDepth.run(graph).graph).toBe(graph);
  });
});

function first(b: FocusBuilder, x: Value, count: number): Value[] {
  return offsets(2)
    .slice(0, count)
    .map(([row, column]) => b.slice(x, row, column, [2, 2]));
}
