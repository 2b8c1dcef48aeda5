/** Joins tensors along one axis. All other dimensions agree. */
export interface Concat {
  readonly type: 'concat';
  /** 0 <= axis < rank. */
  readonly axis: number;
}
