/** Takes `sizes[axis]` elements from `starts[axis]` in steps of `steps[axis]` (may be negative) on every axis. */
export interface Slice {
  readonly type: 'slice';
  /** Resolved, one per axis: within the dimension, never negative. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}
