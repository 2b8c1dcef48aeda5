import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/types.ts';
import { hoistActivations } from '../../../engine/passes/hoist-activations.ts';
import { recognizeDistanceBoxes } from '../../../engine/passes/recognize-distance-boxes.ts';
import { splitConcatenations } from '../../../engine/passes/split-concatenations.ts';
import { expectEquivalent, NetworkBuilder, opsOf } from '../../support/network.ts';

/** A builder with what heads are made of. */
class HeadBuilder extends NetworkBuilder {
  #parts = 0;

  concat(axis: number, ...values: Value[]): Value {
    return this.apply({ type: 'concat', axis }, values, `joined${this.#parts++}`);
  }

  slice(x: Value, axis: number, start: number, size: number): Value {
    const starts = x.shape.map((_, a) => (a === axis ? start : 0));
    const sizes = x.shape.map((whole, a) => (a === axis ? size : whole));
    return this.apply({ type: 'slice', starts, sizes, steps: x.shape.map(() => 1) }, [x], `part${this.#parts++}`);
  }

  reshape(x: Value, ...shape: number[]): Value {
    return this.apply({ type: 'reshape', shape }, [x], `reshaped${this.#parts++}`);
  }

  transpose(x: Value, ...permutation: number[]): Value {
    return this.apply({ type: 'transpose', permutation }, [x], `transposed${this.#parts++}`);
  }

  softmax(x: Value, axis: number): Value {
    return this.apply({ type: 'softmax', axis }, [x], `softmax${this.#parts++}`);
  }

  counting(count: number, shape: readonly number[]): Value {
    return this.floats(
      `bins${this.#parts++}`,
      shape,
      Array.from({ length: count }, (_, bin) => bin),
    );
  }

  /** [1, boxes + classes, pixels] of two levels, joined along the pixels. */
  levels(boxes: number, classes: number): Value {
    const fine = this.image(4, 4, 4);
    const maps = [fine, this.convolve(fine, 4, 3, { strides: [2, 2] })];
    const flat = maps.map((map) => {
      const joined = this.concat(1, this.convolve(map, boxes, 1), this.convolve(map, classes, 1));
      return this.reshape(joined, 1, boxes + classes, map.shape[2] * map.shape[3]);
    });
    return this.concat(2, ...flat);
  }
}

describe('split-concatenations', () => {
  it('joins boxes and scores by themselves where levels joined them', () => {
    const b = new HeadBuilder();
    const all = b.levels(8, 3);
    const graph = b.finish('head', [b.unary('tanh', b.slice(all, 1, 0, 8)), b.unary('sigmoid', b.slice(all, 1, 8, 3))]);
    const { graph: split, notes } = splitConcatenations.run(graph);
    expectEquivalent(split, graph, 0);
    expect(opsOf(split).filter((op) => op === 'slice')).toEqual([]);
    expect(opsOf(split).filter((op) => op === 'concat')).toHaveLength(2);
    expect(notes).toEqual(['slice of a concatenation taken from its parts: 2']);
  });

  it('takes several parts that follow each other, also where they lie transposed', () => {
    const b = new HeadBuilder();
    const x = b.image(4);
    const joined = b.transpose(
      b.concat(1, b.unary('exp', x), b.unary('tanh', x), b.unary('sigmoid', x)),
      ...[0, 2, 3, 1],
    );
    const graph = b.finish('parts', [b.unary('negate', b.slice(joined, 3, 4, 8)), b.slice(joined, 3, 0, 4)]);
    const { graph: split } = splitConcatenations.run(graph);
    expectEquivalent(split, graph, 0);
    expect(opsOf(split)).not.toContain('slice');
  });

  it('leaves a slice that begins within a part, and a concatenation that something else reads', () => {
    for (const [start, whole] of [
      [2, false],
      [4, true],
    ] as const) {
      const b = new HeadBuilder();
      const x = b.image(4);
      const joined = b.concat(1, b.unary('exp', x), b.unary('tanh', x));
      const outputs = [b.slice(joined, 1, start, 4), ...(whole ? [b.unary('negate', joined)] : [])];
      const graph = b.finish('kept', outputs);
      expect(splitConcatenations.run(graph).graph).toBe(graph);
    }
  });
});

describe('hoist-activations', () => {
  it('moves a sigmoid of joined scores into the convolutions', () => {
    const b = new HeadBuilder();
    const x = b.image(4);
    const scores = [3, 5].map((size) => b.reshape(b.convolve(x, 6, size), 1, 6, 42));
    const graph = b.finish('scores', [b.unary('sigmoid', b.transpose(b.concat(2, ...scores), 0, 2, 1))]);
    const { graph: hoisted, notes } = hoistActivations.run(graph);
    expectEquivalent(hoisted, graph, 1e-7);
    expect(opsOf(hoisted)).not.toContain('sigmoid');
    expect(notes).toEqual(['sigmoid of joined results moved into convolutions: 1']);
  });

  it('leaves what something else reads, and what is no convolution', () => {
    const b = new HeadBuilder();
    const x = b.image(4);
    const read = b.convolve(x, 6, 1);
    const graph = b.finish('kept', [
      b.unary('sigmoid', b.concat(1, read, b.convolve(x, 2, 1))),
      b.unary('negate', read),
      b.unary('sigmoid', b.concat(1, b.unary('exp', x), b.convolve(x, 2, 1))),
    ]);
    expect(hoistActivations.run(graph).graph).toBe(graph);
  });
});

describe('recognize-distance-boxes', () => {
  /** The means of distributions over `bins`, in one of the spellings that exporters use: [1, 4, A] or [1, A, 4]. */
  type Means = (b: HeadBuilder, logits: Value, bins: number, anchors: number) => Value;
  const convolved = (b: HeadBuilder, shares: Value, bins: number, anchors: number) => {
    const op = {
      type: 'conv2d',
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      groups: 1,
      epilogue: [],
    } as const;
    const bias = b.floats('zero', [1], [0]);
    return b.reshape(b.apply(op, [shares, b.counting(bins, [1, bins, 1, 1]), bias], 'means'), 1, 4, anchors);
  };
  const spellings: [string, 1 | 2, Means][] = [
    [
      'transposed before the softmax',
      1,
      (b, x, bins, anchors) =>
        convolved(b, b.softmax(b.transpose(b.reshape(x, 1, 4, bins, anchors), 0, 2, 1, 3), 1), bins, anchors),
    ],
    [
      'transposed before and after the softmax',
      1,
      (b, x, bins, anchors) => {
        const shares = b.softmax(b.transpose(b.reshape(x, 1, 4, bins, anchors), 0, 3, 1, 2), 3);
        return convolved(b, b.transpose(shares, 0, 3, 2, 1), bins, anchors);
      },
    ],
    [
      'transposed after the softmax',
      1,
      (b, x, bins, anchors) =>
        convolved(b, b.transpose(b.softmax(b.reshape(x, 1, 4, bins, anchors), 2), 0, 2, 1, 3), bins, anchors),
    ],
    [
      'a matrix product, anchors first',
      2,
      (b, x, bins, anchors) => {
        const shares = b.softmax(b.reshape(b.transpose(x, 0, 2, 1), 1, anchors, 4, bins), 3);
        return b.reshape(b.apply({ type: 'matMul' }, [shares, b.counting(bins, [bins, 1])], 'means'), 1, anchors, 4);
      },
    ],
  ];

  function decoded(b: HeadBuilder, sides: Value, axis: 1 | 2, form: 'corners' | 'centerSize'): Value {
    const anchors = sides.shape[3 - axis];
    const points = b.random(axis === 1 ? [1, 2, anchors] : [1, anchors, 2], 9);
    const first = b.binary('subtract', points, b.slice(sides, axis, 0, 2));
    const second = b.binary('add', b.slice(sides, axis, 2, 2), points);
    const parts =
      form === 'corners'
        ? [first, second]
        : [b.binary('divide', b.binary('add', first, second), 2), b.binary('subtract', second, first)];
    return b.binary('multiply', b.concat(axis, ...parts), b.positive(axis === 1 ? [anchors] : [anchors, 1]));
  }

  for (const form of ['corners', 'centerSize'] as const) {
    it.each(spellings)(`distributions to ${form}, %s`, (_, axis, means) => {
      const b = new HeadBuilder();
      const logits = b.unary('negate', b.input('x', 'float', [1, 20, 6]));
      const graph = b.finish('boxes', [decoded(b, means(b, logits, 5, 6), axis, form)]);
      const { graph: recognized, notes } = recognizeDistanceBoxes.run(graph);
      expectEquivalent(recognized, graph, 1e-6);
      expect(opsOf(recognized).filter((op) => !/transpose|reshape/.test(op))).toEqual(['negate', 'distanceBoxes']);
      expect(notes).toEqual(['distributions over 5 bins became boxes: 1']);
    });

    it(`distances to ${form}`, () => {
      const b = new HeadBuilder();
      const graph = b.finish('boxes', [decoded(b, b.unary('exp', b.input('x', 'float', [1, 4, 6])), 1, form)]);
      const { graph: recognized, notes } = recognizeDistanceBoxes.run(graph);
      expectEquivalent(recognized, graph, 1e-6);
      expect(opsOf(recognized)).toEqual(['exp', 'distanceBoxes']);
      expect(notes).toEqual(['distances became boxes: 1']);
    });
  }

  it('leaves other arithmetic alone', () => {
    const others: ((b: HeadBuilder, sides: Value) => Value)[] = [
      // Not scaled by a constant of anchors.
      (b, sides) =>
        b.binary('multiply', b.concat(1, b.slice(sides, 1, 0, 2), b.slice(sides, 1, 2, 2)), b.random([4, 1])),
      // A corner on the wrong side.
      (b, sides) => {
        const points = b.random([1, 2, 6]);
        const parts = [0, 2].map((start) => b.binary('add', points, b.slice(sides, 1, start, 2)));
        return b.binary('multiply', b.concat(1, ...parts), b.positive([6]));
      },
      // Two grids.
      (b, sides) => {
        const first = b.binary('subtract', b.random([1, 2, 6]), b.slice(sides, 1, 0, 2));
        const second = b.binary('add', b.random([1, 2, 6]), b.slice(sides, 1, 2, 2));
        return b.binary('multiply', b.concat(1, first, second), b.positive([6]));
      },
    ];
    for (const build of others) {
      const b = new HeadBuilder();
      const graph = b.finish('other', [build(b, b.unary('exp', b.input('x', 'float', [1, 4, 6])))]);
      expect(recognizeDistanceBoxes.run(graph).graph).toBe(graph);
    }
  });

  it('keeps distances whose distribution is none that it knows', () => {
    const b = new HeadBuilder();
    const logits = b.input('x', 'float', [1, 20, 6]);
    // Softmax over the sides, not over the bins.
    const shares = b.softmax(b.transpose(b.reshape(logits, 1, 4, 5, 6), 0, 2, 1, 3), 2);
    const graph = b.finish('boxes', [decoded(b, convolved(b, shares, 5, 6), 1, 'corners')]);
    const { graph: recognized } = recognizeDistanceBoxes.run(graph);
    expectEquivalent(recognized, graph, 1e-6);
    expect(opsOf(recognized)).toContain('softmax');
    expect(opsOf(recognized)).toContain('distanceBoxes');
  });
});
