/**
 * Two tensors, element by element, with NumPy broadcasting. Both inputs are of one kind. Comparisons give booleans.
 * Integer division truncates towards zero; integer modulo takes the sign of the divisor, float modulo that of the
 * dividend (C's fmod).
 */
export interface Binary {
  readonly type: 'binary';
  readonly function: BinaryFunction;
}

export type BinaryFunction =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'power'
  | 'minimum'
  | 'maximum'
  | 'modulo'
  | 'equal'
  | 'less'
  | 'lessOrEqual'
  | 'greater'
  | 'greaterOrEqual'
  | 'and'
  | 'or';
