import type { Value } from '../engine/graph/types.ts';
import type { NetworkBuilder } from './network-builder.ts';

/** One level of a head that predicts distances as distributions (distribution focal loss, arXiv:2006.04388). */
export interface AnchorLevel {
  /** Pixels. */
  readonly stride: number;
  /** Class logits [N, C, H, W]. */
  readonly classes: Value;
  /** Logits of distances to left, top, right and bottom, `bins` of each: [N, 4 * bins, H, W]. */
  readonly distances: Value;
}

/**
 * Boxes [N, A, 4] and scores [N, A, C]. Each distance is the mean of its distribution over 0, 1, ... bins - 1 strides,
 * measured from the centre of the anchor's cell. Anchors are in the order of the levels, each row by row.
 */
export function decodeDistances(
  network: NetworkBuilder,
  levels: readonly AnchorLevel[],
): { boxes: Value; scores: Value } {
  const joined = (kind: 'classes' | 'distances') =>
    network.concat(
      levels.map((level) => perAnchor(network, level[kind])),
      1,
      kind,
    );
  const logits = joined('distances');
  const [batch, anchors, channels] = logits.shape;
  const bins = channels / 4;
  const sides = network.apply({ type: 'reshape', shape: [batch, anchors, 4, bins] }, [logits], 'distances.sides');
  const shares = network.apply({ type: 'softmax', axis: 3 }, [sides], 'distances.softmax');
  const numbers = network.floats(
    'distances.bins',
    [bins, 1],
    Float32Array.from({ length: bins }, (_, bin) => bin),
  );
  const means = network.apply({ type: 'matMul' }, [shares, numbers], 'distances.means');
  const distances = network.apply({ type: 'reshape', shape: [batch, anchors, 4] }, [means], 'distances.strides');
  const side = (start: number, name: string) =>
    network.apply(
      { type: 'slice', starts: [0, 0, start], sizes: [batch, anchors, 2], steps: [1, 1, 1] },
      [distances],
      name,
    );
  const { points, strides } = anchorGrid(network, levels);
  const corners = network.concat(
    [
      network.binary('subtract', points, side(0, 'distances.leftTop'), 'boxes.leftTop'),
      network.binary('add', points, side(2, 'distances.rightBottom'), 'boxes.rightBottom'),
    ],
    2,
    'boxes.corners',
  );
  return {
    boxes: network.binary('multiply', corners, strides, 'boxes'),
    scores: network.apply({ type: 'unary', function: { name: 'sigmoid' } }, [joined('classes')], 'scores'),
  };
}

/** [N, C, H, W] as [N, H * W, C]. */
function perAnchor(network: NetworkBuilder, map: Value): Value {
  const [batch, channels, height, width] = map.shape;
  const last = network.apply({ type: 'transpose', permutation: [0, 2, 3, 1] }, [map], `${map.name}.channelsLast`);
  return network.apply({ type: 'reshape', shape: [batch, height * width, channels] }, [last], `${map.name}.anchors`);
}

/** Centres of cells in units of their stride [1, A, 2] as x, y, and the strides [1, A, 1]. */
function anchorGrid(network: NetworkBuilder, levels: readonly AnchorLevel[]): { points: Value; strides: Value } {
  const points: number[] = [];
  const strides: number[] = [];
  for (const { stride, classes } of levels) {
    const [, , height, width] = classes.shape;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        points.push(x + 0.5, y + 0.5);
        strides.push(stride);
      }
    }
  }
  return {
    points: network.floats('anchors.points', [1, strides.length, 2], points),
    strides: network.floats('anchors.strides', [1, strides.length, 1], strides),
  };
}
