/** Reorders axes: output axis i is input axis permutation[i]. */
export interface Transpose {
  readonly type: 'transpose';
  readonly permutation: readonly number[];
}
