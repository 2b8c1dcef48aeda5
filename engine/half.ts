/**
 * IEEE 754 binary16, read and written without tables: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. And
 * bfloat16, which is the upper half of a float32.
 */

const scratch = new DataView(new ArrayBuffer(4));

/** The value of a float16's bits (0..0xffff). Exact: every float16 is a float32, subnormals and infinities included. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * The float16 bits nearest to a value, ties to even. The value is first rounded to float32, as it is stored on the
 * device. From 65520 on it overflows to infinity; NaN becomes the quiet NaN 0x7e00.
 */
export function numberToFloat16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  // 0x477ff000 is 65520, halfway between the largest float16 and the next power of two.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  if (magnitude < 0x3880_0000) {
    // Below 2^-14 the result is subnormal: a multiple of 2^-24. Scaling by a power of two is exact.
    return sign | roundHalfToEven(Math.abs(Math.fround(value)) * 2 ** 24);
  }
  // Drop 13 fraction bits and re-bias the exponent (127 - 15 = 112). A carry out of the fraction increments it rightly.
  const kept = (magnitude >>> 13) - (112 << 10);
  const dropped = magnitude & 0x1fff;
  const roundUp = dropped > 0x1000 || (dropped === 0x1000 && (kept & 1) === 1);
  return sign | (kept + (roundUp ? 1 : 0));
}

/** The float32 values of float16 bits. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  const asBits = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i];
    const exponent = half & 0x7c00;
    if (exponent !== 0 && exponent !== 0x7c00) {
      // A normal number, nearly every weight: shift the fields into place and re-bias the exponent.
      asBits[i] = ((half & 0x8000) << 16) | (((half & 0x7fff) << 13) + (112 << 23));
    } else {
      values[i] = float16ToNumber(half);
    }
  }
  return values;
}

/** The float16 bits nearest to each value, as `numberToFloat16`. */
export function float32ToFloat16(values: ArrayLike<number>): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = numberToFloat16(values[i]);
  return bits;
}

/** The float32 values of bfloat16 bits. Exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const values = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = bits[i] << 16;
  return new Float32Array(values.buffer);
}

/** The bfloat16 bits nearest to each value, ties to even; NaN becomes 0x7fc0. */
export function float32ToBfloat16(values: ArrayLike<number>): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    scratch.setFloat32(0, values[i]);
    const float32 = scratch.getUint32(0);
    bits[i] = Number.isNaN(values[i]) ? 0x7fc0 : (float32 + 0x7fff + ((float32 >>> 16) & 1)) >>> 16;
  }
  return bits;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
