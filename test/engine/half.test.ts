import { describe, expect, test } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float16ToNumber,
  float32ToBfloat16,
  float32ToFloat16,
  numberToFloat16,
} from '../../engine/half.ts';

const INFINITY = 0x7c00;

/** The float32 next to a positive value, above or below. */
function neighbour(value: number, steps: 1 | -1): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] += steps;
  return new Float32Array(bits.buffer)[0];
}

describe('float16 to number', () => {
  test.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
    [0x7c01, Number.NaN],
  ])('0x%s is %d', (bits, value) => {
    expect(float16ToNumber(bits)).toBe(value);
  });

  test('every positive value exceeds the one before by a unit in the last place', () => {
    for (let bits = 1; bits < INFINITY; bits++) {
      const exponent = Math.max((bits - 1) >> 10, 1);
      expect(float16ToNumber(bits) - float16ToNumber(bits - 1)).toBe(2 ** (exponent - 25));
    }
  });

  test('arrays agree with single values, all 65536 of them', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    expect(float16ToFloat32(bits)).toEqual(Float32Array.from(bits, float16ToNumber));
  });
});

describe('number to float16', () => {
  test('every value keeps its bits', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16ToNumber(bits);
      if (!Number.isNaN(value)) expect(numberToFloat16(value)).toBe(bits);
    }
  });

  test('halfway between two values it rounds to the even one, and beside that to the nearer', () => {
    for (let bits = 0; bits < INFINITY; bits++) {
      const next = bits + 1 === INFINITY ? 65536 : float16ToNumber(bits + 1);
      const halfway = (float16ToNumber(bits) + next) / 2;
      expect(numberToFloat16(halfway)).toBe(bits % 2 === 0 ? bits : bits + 1);
      expect(numberToFloat16(neighbour(halfway, 1))).toBe(bits + 1);
      expect(numberToFloat16(neighbour(halfway, -1))).toBe(bits);
      expect(numberToFloat16(-halfway)).toBe(0x8000 | (bits % 2 === 0 ? bits : bits + 1));
    }
  });

  test.each([
    [70000, 0x7c00],
    [-1e30, 0xfc00],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [1e-9, 0],
    [-1e-9, 0x8000],
    [1e-45, 0],
  ])('%d', (value, bits) => {
    expect(numberToFloat16(value)).toBe(bits);
  });

  test('NaN stays NaN', () => {
    expect(float16ToNumber(numberToFloat16(Number.NaN))).toBeNaN();
  });

  test('arrays agree with single values', () => {
    const values = [0, -0, 1, 0.1, 1e-7, 65519, 65520, Number.NEGATIVE_INFINITY];
    expect(Array.from(float32ToFloat16(values))).toEqual(values.map(numberToFloat16));
  });
});

describe('bfloat16', () => {
  test('is the upper half of a float32', () => {
    const values = bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001, 0x4049));
    expect(Array.from(values)).toEqual([1, -2, Number.POSITIVE_INFINITY, 2 ** -133, 3.140625]);
  });

  test('rounds to nearest, ties to even', () => {
    const values = [1 + 2 ** -8, 1 + 2 ** -7 + 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 3.4e38, Number.NEGATIVE_INFINITY];
    expect(Array.from(float32ToBfloat16(values))).toEqual([0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xff80]);
  });

  test('NaN stays NaN', () => {
    expect(bfloat16ToFloat32(float32ToBfloat16([Number.NaN]))[0]).toBeNaN();
  });
});
