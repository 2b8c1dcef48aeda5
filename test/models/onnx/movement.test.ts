import { describe, expect, test } from 'vitest';
import { float, int, ints, string } from '../../support/onnx-writer.ts';
import { agrees, constant, fed, given, importModel, int64s, modelOf, scalar } from './operator-case.ts';

describe('Concat and Split', () => {
  const attributes = { axis: int(1) };
  agrees('Concat', { operator: 'Concat', inputs: [fed([2, 1, 3]), fed([2, 4, 3], { seed: 2 })], attributes });
  agrees('Concat of the last axis', {
    operator: 'Concat',
    inputs: [fed([2, 1]), fed([2, 4], { seed: 2 })],
    attributes: { axis: int(-1) },
  });
  agrees('Concat with an empty part', {
    operator: 'Concat',
    inputs: [constant('float32', [2, 0], []), fed([2, 4])],
    attributes,
  });
  const two = ['float32', 'float32'] as const;
  agrees('Split in halves', { operator: 'Split', inputs: [fed([2, 6])], attributes, outputs: two });
  agrees('Split by attribute', {
    operator: 'Split',
    opset: 11,
    inputs: [fed([2, 6])],
    attributes: { ...attributes, split: ints(1, 5) },
    outputs: two,
  });
  agrees('Split by input', { operator: 'Split', inputs: [fed([2, 6]), int64s(4, 2)], attributes, outputs: two });
  agrees('Split by count', {
    operator: 'Split',
    opset: 18,
    inputs: [fed([2, 7])],
    attributes: { ...attributes, num_outputs: int(3) },
    outputs: ['float32', 'float32', 'float32'],
  });
});

describe('Slice', () => {
  const x = fed([4, 6, 5]);
  agrees('by attributes', {
    operator: 'Slice',
    opset: 9,
    inputs: [x],
    attributes: { starts: ints(1, -3), ends: ints(3, 1000), axes: ints(0, 2) },
  });
  agrees('by inputs', { operator: 'Slice', inputs: [x, int64s(1, 2), int64s(3, 4)] });
  agrees('to the end of 64 bits', {
    operator: 'Slice',
    inputs: [x, int64s(2), int64s(Number.MAX_SAFE_INTEGER), int64s(1)],
  });
  agrees('in steps', { operator: 'Slice', inputs: [x, int64s(1), int64s(6), int64s(1), int64s(2)] });
  agrees('backwards', {
    operator: 'Slice',
    inputs: [x, int64s(-1), int64s(Number.MIN_SAFE_INTEGER), int64s(1), int64s(-2)],
  });
  agrees('backwards between bounds', { operator: 'Slice', inputs: [x, int64s(4), int64s(0), int64s(-1), int64s(-3)] });
  agrees('of everything', { operator: 'Slice', inputs: [x, int64s(0), int64s(4), int64s(0)] });
});

describe('Pad', () => {
  agrees('by attributes', {
    operator: 'Pad',
    opset: 10,
    inputs: [fed([2, 3])],
    attributes: { pads: ints(0, 1, 2, 3), value: float(1.5) },
  });
  agrees('by inputs', { operator: 'Pad', inputs: [fed([2, 3]), int64s(1, 0, 0, 2), scalar('float32', -1)] });
  agrees('by negative counts', { operator: 'Pad', inputs: [fed([4, 3]), int64s(-1, 0, -1, 2)] });
  agrees('of stated axes', {
    operator: 'Pad',
    opset: 18,
    inputs: [fed([2, 3]), int64s(1, 2), null, int64s(-1)],
  });

  test('by reflection is refused', () => {
    const attributes = { mode: string('reflect') };
    const model = modelOf({ operator: 'Pad', inputs: [fed([2, 3]), int64s(1, 0, 0, 0)], attributes });
    expect(() => importModel(model)).toThrow(/padding of mode "reflect" is not supported/);
  });
});

describe('order and repetition', () => {
  agrees('Transpose', { operator: 'Transpose', inputs: [fed([2, 3, 4])], attributes: { perm: ints(2, 0, 1) } });
  agrees('Transpose reverses by default', { operator: 'Transpose', inputs: [fed([2, 3, 4])] });
  agrees('Tile', { operator: 'Tile', inputs: [fed([2, 1, 3]), int64s(2, 4, 1)] });
  agrees('Tile of single elements', { operator: 'Tile', inputs: [fed([2, 1]), int64s(1, 3)] });
  agrees('Tile of integers', {
    operator: 'Tile',
    inputs: [given('int64', [2, 2], [1, 2, 3, 4]), int64s(3, 2)],
    outputs: ['int64'],
  });
  const attributes = { blocksize: int(2) };
  agrees('DepthToSpace', { operator: 'DepthToSpace', inputs: [fed([1, 8, 2, 3])], attributes });
  agrees('DepthToSpace, columns first', {
    operator: 'DepthToSpace',
    inputs: [fed([1, 8, 2, 3])],
    attributes: { ...attributes, mode: string('CRD') },
  });
  agrees('SpaceToDepth', { operator: 'SpaceToDepth', inputs: [fed([1, 2, 4, 6])], attributes });
});
