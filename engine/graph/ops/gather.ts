/**
 * Picks slices along an axis. Inputs: data, int indices of any shape (negative ones count from the end). The output has
 * the indices' dimensions in place of the axis.
 */
export interface Gather {
  readonly type: 'gather';
  readonly axis: number;
}
