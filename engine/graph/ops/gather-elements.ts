/** out[i][j][k] = data[i][index[i][j][k]][k] for axis 1. Inputs: data and int indices of equal rank. */
export interface GatherElements {
  readonly type: 'gatherElements';
  readonly axis: number;
}
