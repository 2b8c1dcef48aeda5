/** A stream of floats in [0, 1) that the seed decides: the generator mulberry32 (public domain, Tommy Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Floats spread evenly over (-scale, scale). */
export function randomFloats(seed: number, count: number, scale = 1): Float32Array {
  const next = seeded(seed);
  return Float32Array.from({ length: count }, () => (next() * 2 - 1) * scale);
}

/** An integer from `minimum` to `maximum`, both included. */
export function randomInteger(next: () => number, minimum: number, maximum: number): number {
  return minimum + Math.floor(next() * (maximum - minimum + 1));
}
