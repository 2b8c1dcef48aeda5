import type { Shape } from '../types.ts';

/** Repeats dimensions of size 1 (and prepends dimensions) up to `shape`, as NumPy's broadcast_to. */
export interface Expand {
  readonly type: 'expand';
  /** The output's shape. */
  readonly shape: Shape;
}
