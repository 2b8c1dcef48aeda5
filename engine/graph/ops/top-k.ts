/**
 * The k largest (or smallest) elements along an axis, sorted; of equal elements the lower index comes first.
 * Outputs: values, int indices.
 */
export interface TopK {
  readonly type: 'topK';
  readonly axis: number;
  readonly k: number;
  readonly largest: boolean;
}
