/** Reduces axes to one element each. */
export interface Reduce {
  readonly type: 'reduce';
  readonly function: 'sum' | 'mean' | 'maximum' | 'minimum' | 'product';
  /** Ascending, each 0 <= axis < rank. */
  readonly axes: readonly number[];
  /** Whether a reduced axis stays with size 1 or goes. */
  readonly keepDims: boolean;
}
