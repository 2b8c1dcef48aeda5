import type { Op } from './op.ts';
import type { ConstantData, TensorType } from './tensor.ts';

export * from './tensor.ts';

/** A tensor of the graph. Identity matters: two values are the same tensor if and only if they are the same object. */
export interface Value extends TensorType {
  readonly name: string;
  /** Present on constants: weights, and whatever folding computed. */
  readonly constant?: ConstantData;
}

/** An operation. `inputs` and `outputs` are ordered as the op's file in `ops/` says. */
export interface Node<O extends Op = Op> {
  readonly op: O;
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A network specialised to one input shape. Nodes are in topological order. Immutable: passes build new graphs. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
}
