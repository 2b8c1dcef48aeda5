/** Batched matrix product: [..., M, K] x [..., K, N] -> [..., M, N], batch dimensions broadcast. Both of rank >= 2. */
export interface MatMul {
  readonly type: 'matMul';
}
