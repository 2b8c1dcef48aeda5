import { describe, expect, test } from 'vitest';
import { InvalidArgumentError } from '../../engine/errors.ts';
import { chooseInputSize, type SizeRules } from '../../models/input-size.ts';

const open: SizeRules = { source: 'x.onnx', fixed: [undefined, undefined], preferred: [640, 384], stride: 32 };

describe('input size', () => {
  test('is the preferred one where none is asked for', () => {
    expect(chooseInputSize(undefined, open)).toEqual([640, 384]);
    expect(chooseInputSize(undefined, { ...open, fixed: [416, 416] })).toEqual([416, 416]);
  });

  test('is what is asked for, a square or not', () => {
    expect(chooseInputSize(320, open)).toEqual([320, 320]);
    expect(chooseInputSize([96, 64], open)).toEqual([96, 64]);
    expect(chooseInputSize(416, { ...open, fixed: [416, 416] })).toEqual([416, 416]);
  });

  test('that a fixed network does not take is refused', () => {
    const fixed = { ...open, fixed: [416, 416] } as const;
    expect(() => chooseInputSize(640, fixed)).toThrow(InvalidArgumentError);
    expect(() => chooseInputSize(640, fixed)).toThrow(/x\.onnx is fixed to an input of 416x416 pixels, not 640x640/);
  });

  for (const [size, suggestion] of [
    [630, '608 or 640'],
    [10, '32'],
    [0, '32'],
    [-64, '32'],
    [64.5, '64 or 96'],
    [Number.NaN, '32'],
  ] as const) {
    test(`of ${size} is not a multiple of 32`, () => {
      expect(() => chooseInputSize(size, open)).toThrow(
        `is not a multiple of the network's stride 32; use ${suggestion}`,
      );
    });
  }

  test('is limited, whoever states it', () => {
    expect(chooseInputSize(8192, open)).toEqual([8192, 8192]);
    expect(() => chooseInputSize([64, 8224], open)).toThrow('x.onnx: the input size 8224 is above 8192 pixels');
    expect(() => chooseInputSize(undefined, { ...open, preferred: [99_968, 64] })).toThrow('above 8192 pixels');
  });
});
