/** Adds elements of one value before and after each dimension; negative counts remove elements. */
export interface Pad {
  readonly type: 'pad';
  /** A count for each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}
