/**
 * A copy of data with slices replaced. Inputs: data [d0, ...], int indices [..., k], updates [..., d_k, ...]:
 * data[indices[p]] = updates[p] for every position p of the indices' leading dimensions.
 */
export interface ScatterNd {
  readonly type: 'scatterNd';
}
