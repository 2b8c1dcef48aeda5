import type { Op, OpType } from '../../graph/op.ts';
import type { Node } from '../../graph/types.ts';
import type { Lowering } from '../lowering.ts';

/** Turns a node into dispatches, or into a view of what is there already. */
export type LoweringRule<T extends OpType> = (lowering: Lowering, node: Node<Extract<Op, { type: T }>>) => void;

/** A rule for each op that it knows. */
export type LoweringRules = { readonly [T in OpType]?: LoweringRule<T> };

export function lowerNode(rules: LoweringRules, lowering: Lowering, node: Node): void {
  const rule = rules[node.op.type] as LoweringRule<OpType> | undefined;
  if (!rule) throw new Error(`${node.name}: none of the rules is for ${node.op.type}; rulesFor gives those of a graph`);
  rule(lowering, node);
}
