import type { ElementKind } from '../types.ts';

/** Converts the kind: float to int truncates towards zero, anything to bool is `!= 0`. */
export interface Cast {
  readonly type: 'cast';
  readonly to: ElementKind;
}
