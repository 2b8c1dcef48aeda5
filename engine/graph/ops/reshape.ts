import type { Shape } from '../types.ts';

/** The same elements in row-major order under another shape. */
export interface Reshape {
  readonly type: 'reshape';
  /** Resolved: neither -1 nor 0-as-copy. */
  readonly shape: Shape;
}
