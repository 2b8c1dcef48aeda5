/** exp(x - max) / sum over one axis. */
export interface Softmax {
  readonly type: 'softmax';
  readonly axis: number;
}
