/** condition ? a : b, element by element, all three broadcast. Inputs: bool condition, a, b. */
export interface Select {
  readonly type: 'select';
}
