import type { Resize2d } from '../../../engine/graph/ops/resize-2d.ts';
import { ShapeError, type Value } from '../../../engine/graph/types.ts';
import { type NodeReader, type OperatorTable, UnsupportedOperator } from '../node-reader.ts';

export const resize: OperatorTable = {
  Resize: (node) => (node.opset < 11 ? upsample(node) : resample(node)),
  Upsample: upsample,
};

/** Upsample (to version 9) and the first Resize (version 10): scales only, coordinates asymmetric. */
function upsample(node: NodeReader): Value[] {
  const x = node.input(0);
  const stated = node.opset < 9 ? node.required('scales', 'floats') : Array.from(node.constant(1).constant);
  const scales = spatialScales(x, stated);
  const size = [Math.floor(x.shape[2] * scales[0]), Math.floor(x.shape[3] * scales[1])] as const;
  // The first Resize rounded down when it enlarged and up when it shrank.
  const rounding = scales.some((scale) => scale < 1) ? 'ceil' : 'floor';
  return [apply(node, x, { size, scales, coordinates: 'asymmetric', rounding })];
}

/** From version 11 on: (x, region of interest, scales, sizes), coordinates and rounding chosen by attributes. */
function resample(node: NodeReader): Value[] {
  const x = node.input(0);
  if (x.shape.length !== 4)
    throw new UnsupportedOperator(`resizing a tensor of ${x.shape.length} dimensions is not supported`);
  const axes = (node.optionalIntList('axes') ?? [0, 1, 2, 3]).map((axis) => node.axis(axis, 4));
  // A list that is there but empty counts as left out.
  const listOf = (index: number) => {
    const list = node.optional(index) ? Array.from(node.constant(index).constant) : [];
    return list.length > 0 ? list : undefined;
  };
  const [scales, sizes] = [listOf(2), listOf(3)];
  if (!scales === !sizes) throw new ShapeError('it needs either scales or sizes');
  for (const list of [scales, sizes]) {
    if (list && list.length !== axes.length) throw new ShapeError(`[${list}] doesn't state ${axes.length} axes`);
  }
  const policy = node.string('keep_aspect_ratio_policy', 'stretch');
  if (sizes && policy !== 'stretch') throw new UnsupportedOperator(`aspect ratio policy "${policy}" is not supported`);
  const perAxis = (list: readonly number[], elsewhere: (axis: number) => number) =>
    x.shape.map((_, axis) => (axes.includes(axis) ? list[axes.indexOf(axis)] : elsewhere(axis)));
  const targets = sizes && perAxis(sizes, (axis) => x.shape[axis]);
  const factors = scales ? perAxis(scales, () => 1) : x.shape.map((size, axis) => (targets?.[axis] ?? size) / size);
  const [vertical, horizontal] = spatialScales(x, factors);
  const size = targets
    ? ([targets[2], targets[3]] as const)
    : ([Math.floor(x.shape[2] * vertical), Math.floor(x.shape[3] * horizontal)] as const);
  const shrinks = vertical < 1 || horizontal < 1;
  if (node.int('antialias', 0) !== 0 && shrinks) throw new UnsupportedOperator('antialiasing is not supported');
  return [
    apply(node, x, {
      size,
      scales: [vertical, horizontal],
      coordinates: coordinatesOf(node),
      rounding: roundingOf(node),
    }),
  ];
}

function apply(node: NodeReader, x: Value, op: Omit<Resize2d, 'type' | 'mode'>): Value {
  const mode = node.string('mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear') throw new UnsupportedOperator(`mode "${mode}" is not supported`);
  if (mode === 'linear' && node.narrowType(0)) {
    throw new UnsupportedOperator(`linear interpolation of ${node.narrowType(0)} tensors is not supported`);
  }
  return node.apply({ type: 'resize2d', mode, ...op }, [x]);
}

/** The last two of four scales. */
function spatialScales(x: Value, scales: readonly number[]): readonly [number, number] {
  if (x.shape.length !== 4 || scales.length !== 4) {
    throw new UnsupportedOperator(`resizing [${x.shape}] by [${scales}] is not supported`);
  }
  if (scales[0] !== 1 || scales[1] !== 1)
    throw new UnsupportedOperator('resizing batches or channels is not supported');
  return [scales[2], scales[3]];
}

const coordinateModes: Readonly<Record<string, Resize2d['coordinates']>> = {
  half_pixel: 'halfPixel',
  pytorch_half_pixel: 'pytorchHalfPixel',
  align_corners: 'alignCorners',
  asymmetric: 'asymmetric',
};

function coordinatesOf(node: NodeReader): Resize2d['coordinates'] {
  const mode = node.string('coordinate_transformation_mode', 'half_pixel');
  if (!Object.hasOwn(coordinateModes, mode)) throw new UnsupportedOperator(`coordinates "${mode}" are not supported`);
  return coordinateModes[mode];
}

const roundings: Readonly<Record<string, Resize2d['rounding']>> = {
  round_prefer_floor: 'roundPreferFloor',
  round_prefer_ceil: 'roundPreferCeil',
  floor: 'floor',
  ceil: 'ceil',
};

function roundingOf(node: NodeReader): Resize2d['rounding'] {
  const mode = node.string('nearest_mode', 'round_prefer_floor');
  if (!Object.hasOwn(roundings, mode)) throw new UnsupportedOperator(`nearest_mode "${mode}" is not supported`);
  return roundings[mode];
}
