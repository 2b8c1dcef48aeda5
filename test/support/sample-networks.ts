import type { Graph, Value } from '../../engine/graph/types.ts';
import { NetworkBuilder } from './network.ts';

/** Small networks of the shapes that detectors are made of, for the planner and the runtime. */

function concat(build: NetworkBuilder, values: readonly Value[], axis: number, name: string): Value {
  return build.apply({ type: 'concat', axis }, values, name);
}

function slice(build: NetworkBuilder, x: Value, start: number, size: number, name: string): Value {
  const starts = x.shape.map((_, axis) => (axis === 1 ? start : 0));
  const sizes = x.shape.map((full, axis) => (axis === 1 ? size : full));
  return build.apply({ type: 'slice', starts, sizes, steps: x.shape.map(() => 1) }, [x], name);
}

function reshape(build: NetworkBuilder, x: Value, shape: readonly number[], name: string): Value {
  return build.apply({ type: 'reshape', shape }, [x], name);
}

/** C2f: one convolution split in two, a chain of bottlenecks with residuals, all of it joined again. */
export function splitAndJoin(channels = 8): Graph {
  const build = new NetworkBuilder();
  const x = build.convolve(build.image(3, 9, 11), 2 * channels, 3, { strides: [2, 2] });
  const parts = [slice(build, x, 0, channels, 'left'), slice(build, x, channels, channels, 'right')];
  for (let index = 0; index < 2; index++) {
    const last = parts[parts.length - 1];
    const inner = build.unary('silu', build.convolve(last, channels, 3));
    parts.push(build.binary('add', last, build.unary('silu', build.convolve(inner, channels, 3))));
  }
  return build.finish('split and join', [build.convolve(concat(build, parts, 1, 'joined'), 5, 1)]);
}

/** SPPF, upsampling beside a skip connection, a nested concatenation and a transposed convolution. */
export function pyramid(): Graph {
  const build = new NetworkBuilder();
  const skip = build.convolve(build.image(3, 8, 12), 8, 3);
  const deep = build.convolve(skip, 12, 3, { strides: [2, 2] });
  const pools = [deep];
  for (let index = 0; index < 3; index++) {
    const pool = { type: 'maxPool2d', kernel: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] } as const;
    pools.push(build.apply(pool, [pools[index]], `pool${index}`));
  }
  const pooled = build.convolve(concat(build, pools, 1, 'pools'), 8, 1);
  const nearest = {
    type: 'resize2d',
    size: [8, 12],
    scales: [2, 2],
    mode: 'nearest',
    coordinates: 'asymmetric',
    rounding: 'floor',
  } as const;
  const inner = concat(build, [build.apply(nearest, [pooled], 'up'), skip], 1, 'inner');
  const outer = concat(build, [inner, build.convolveTransposed(pooled, 4)], 1, 'outer');
  return build.finish('pyramid', [build.convolve(outer, 6, 3)]);
}

/** Attention over pixels: channels become heads, products, softmax, and back to a feature map for a convolution. */
export function attention(): Graph {
  const build = new NetworkBuilder();
  const x = build.convolve(build.image(3, 4, 5), 32, 3, { strides: [1, 1] });
  const heads = reshape(build, x, [1, 2, 16, 20], 'heads');
  const part = (start: number, size: number, name: string) =>
    build.apply(
      { type: 'slice', starts: [0, 0, start, 0], sizes: [1, 2, size, 20], steps: [1, 1, 1, 1] },
      [heads],
      name,
    );
  const [q, k, v] = [part(0, 4, 'q'), part(4, 4, 'k'), part(8, 8, 'v')];
  const qT = build.apply({ type: 'transpose', permutation: [0, 1, 3, 2] }, [q], 'q transposed');
  const scores = build.binary('multiply', build.apply({ type: 'matMul' }, [qT, k], 'scores'), 0.5);
  const weights = build.apply({ type: 'softmax', axis: 3 }, [scores], 'weights');
  const weightsT = build.apply({ type: 'transpose', permutation: [0, 1, 3, 2] }, [weights], 'weights transposed');
  const mixed = build.apply({ type: 'matMul' }, [v, weightsT], 'mixed');
  const back = reshape(build, mixed, [1, 16, 4, 5], 'back');
  const position = build.convolve(reshape(build, v, [1, 16, 4, 5], 'v map'), 16, 3, { groups: 16 });
  return build.finish('attention', [build.convolve(build.binary('add', back, position), 7, 1)]);
}

/** A head: levels flattened and joined along the anchors, box distances by softmax, scores by sigmoid, arithmetic. */
export function head(): Graph {
  const build = new NetworkBuilder();
  const fine = build.convolve(build.image(3, 8, 8), 8, 3);
  const levels = [fine, build.convolve(fine, 8, 3, { strides: [2, 2] })].map((x, index) => {
    const joined = concat(build, [build.convolve(x, 16, 1), build.convolve(x, 3, 1)], 1, `level${index}`);
    return reshape(build, joined, [1, 19, x.shape[2] * x.shape[3]], `flat${index}`);
  });
  const anchors = concat(build, levels, 2, 'anchors');
  const distances = reshape(build, slice(build, anchors, 0, 16, 'box'), [1, 4, 4, 80], 'sides');
  const bins = build.apply({ type: 'transpose', permutation: [0, 2, 1, 3] }, [distances], 'bins');
  const expected = build.convolve(build.apply({ type: 'softmax', axis: 1 }, [bins], 'shares'), 1, 1);
  const sides = reshape(build, expected, [1, 4, 80], 'expected');
  const grid = build.random([1, 2, 80], 4);
  const corner = build.binary('subtract', grid, slice(build, sides, 0, 2, 'first'));
  const other = build.binary('add', grid, slice(build, sides, 2, 2, 'second'));
  const centre = build.binary('divide', build.binary('add', corner, other), 2);
  const boxes = concat(build, [centre, build.binary('subtract', other, corner)], 1, 'boxes');
  const scaled = build.binary('multiply', boxes, build.positive([1, 1, 80]));
  const scores = build.unary('sigmoid', slice(build, anchors, 16, 3, 'classes'));
  return build.finish('head', [concat(build, [scaled, scores], 1, 'output')]);
}

export const sampleNetworks: readonly (() => Graph)[] = [splitAndJoin, () => splitAndJoin(6), pyramid, attention, head];
