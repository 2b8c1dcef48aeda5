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
  const bins = Array.from({ length: logits.shape[2] / 4 }, (_, bin) => bin);
  const { points, strides } = anchorGrid(network, levels);
  return {
    boxes: network.apply({ type: 'distanceBoxes', bins, axis: 2, form: 'corners' }, [logits, points, strides], 'boxes'),
    scores: network.apply({ type: 'unary', function: { name: 'sigmoid' } }, [joined('classes')], 'scores'),
  };
}

/** [N, C, H, W] as [N, H * W, C]. */
function perAnchor(network: NetworkBuilder, map: Value): Value {
  const [batch, channels, height, width] = map.shape;
  const last = network.apply({ type: 'transpose', permutation: [0, 2, 3, 1] }, [map], `${map.name}.channelsLast`);
  return network.apply({ type: 'reshape', shape: [batch, height * width, channels] }, [last], `${map.name}.anchors`);
}

/** Centres of cells in units of their stride, [2, A] as x and y, and the strides [A]. */
function anchorGrid(network: NetworkBuilder, levels: readonly AnchorLevel[]): { points: Value; strides: Value } {
  const columns: number[] = [];
  const rows: number[] = [];
  const strides: number[] = [];
  for (const { stride, classes } of levels) {
    const [, , height, width] = classes.shape;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        columns.push(x + 0.5);
        rows.push(y + 0.5);
        strides.push(stride);
      }
    }
  }
  return {
    points: network.floats('anchors.points', [2, strides.length], [...columns, ...rows]),
    strides: network.floats('anchors.strides', [strides.length], strides),
  };
}
